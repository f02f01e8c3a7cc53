//! Figures: which of a run's results count, and how they are written.

use crate::peer::Role;

pub struct Metric {
    pub unit: &'static str,
    /// In the generator's JSON.
    pub path: &'static str,
    pub scale: f64,
    /// How many of the units that count the generator's unit is, with such a server.
    pub factor: fn(Role) -> f64,
    pub digits: usize,
}

pub const fn latency(path: &'static str) -> Metric {
    Metric {
        unit: "us",
        path,
        scale: 1.0,
        factor: |_| 1.0,
        digits: 1,
    }
}

pub const RATE: Metric = Metric {
    unit: "k/s",
    path: "per_second",
    scale: 1e-3,
    factor: |_| 1.0,
    digits: 1,
};

pub const CPU: Metric = Metric {
    unit: "us",
    path: "server_us_per_unit",
    scale: 1.0,
    factor: |_| 1.0,
    digits: 2,
};

/// Of whatever the generator holds open.
pub const MEMORY: Metric = Metric {
    unit: "bytes",
    path: "server_rss_per_connection",
    scale: 1.0,
    // A proxy has two connections for each that the generator makes.
    factor: |role| if let Role::Proxy = role { 0.5 } else { 1.0 },
    digits: 0,
};

/// A room has two; a proxy makes the second connection itself.
pub const CLIENTS: Metric = Metric {
    unit: "k clients/s",
    factor: |role| if let Role::Proxy = role { 1.0 } else { 2.0 },
    ..RATE
};

pub const SPEED: Metric = Metric {
    unit: "GB/s",
    path: "gigabytes_per_second",
    scale: 1.0,
    factor: |_| 1.0,
    digits: 2,
};

pub const CPU_OF_SPEED: Metric = Metric {
    unit: "s/GB",
    path: "server_seconds_per_gigabyte",
    scale: 1.0,
    factor: |_| 1.0,
    digits: 3,
};

pub const CPU_OF_THOUSAND: Metric = Metric {
    unit: "s/1,000",
    scale: 1e-3,
    digits: 3,
    ..CPU
};

pub const fn small(unit: &'static str, path: &'static str, scale: f64) -> Metric {
    Metric {
        unit,
        path,
        scale,
        factor: |_| 1.0,
        digits: 1,
    }
}
