//! How streams and rooms end when they are cut: in order, at once, or in one go with others.

mod both;
mod crowd;
mod cut;
mod half_close;
