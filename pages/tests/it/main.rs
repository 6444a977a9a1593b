//! Every page, made and read again as a browser reads it.

#[cfg(test)]
mod facts;
#[cfg(test)]
mod gallery;
#[cfg(test)]
mod markup;
#[cfg(test)]
mod shapes;
#[cfg(test)]
mod themes;
#[cfg(test)]
mod written;
