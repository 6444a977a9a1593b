//! Actions as values: what is due, what each answer does, and that nothing leads around them.

mod passwords;
mod profiles;
mod terms;
mod world;
