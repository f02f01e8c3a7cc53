//! Sections of README.md, and the axes whose tables stand there.

use crate::axes::{AXES, Axis};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Section {
    HowFast,
    TransitRelay,
}

impl Section {
    pub const ALL: [Self; 2] = [Section::HowFast, Section::TransitRelay];

    /// Its axes by one name.
    pub fn name(self) -> &'static str {
        match self {
            Section::HowFast => "programs",
            Section::TransitRelay => "transit",
        }
    }

    /// What makes its tables.
    pub fn command(self) -> &'static str {
        match self {
            Section::HowFast => "cargo bench --bench peers -- --write-readme",
            Section::TransitRelay => "cargo bench --bench peers -- --only transit --write-readme",
        }
    }

    pub fn axes(self) -> impl Iterator<Item = &'static Axis> {
        AXES.iter().filter(move |axis| axis.section == self)
    }
}
