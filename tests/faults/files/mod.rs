//! Transfers of files that somebody or something is against: partners who mean harm, disks that are full, sources that
//! change, processes that are killed. Nothing is ever written outside the folder that is received into, and nothing that
//! is not whole has its final name.

mod cut;
mod full;
mod partners;
mod system;
