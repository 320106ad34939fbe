//! What must hold before a component is published: the rules on real data, and the commands that say them.

mod command;
mod data;
mod page;
