//! Actions as values: what is due, what each answer does, and that nothing leads around them.

mod passwords;
mod profiles;
mod second_factors;
mod terms;
mod world;
