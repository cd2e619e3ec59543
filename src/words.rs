//! Enums of words: each variant is a word that clients see and branch on.
//!
//! One declaration gives a variant its word and its meaning. `docs/errors.md` is printed from it, so a new
//! variant needs no more than a line here and `cargo run -- errors > docs/errors.md`.

/// Declares an enum of words. What documents a variant is printed as its meaning, so it is plain Markdown.
macro_rules! words {
    (
        $(#[$about:meta])*
        pub enum $name:ident { $($(#[doc = $meaning:literal])+ $variant:ident = $word:literal,)+ }
    ) => {
        $(#[$about])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum $name {
            $($(#[doc = $meaning])+ $variant,)+
        }

        impl $name {
            /// All of them.
            pub const ALL: [Self; [$($word),+].len()] = [$(Self::$variant),+];

            /// The word that clients see.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $word,)+
                }
            }

            /// What it means, in Markdown.
            #[must_use]
            pub fn meaning(self) -> &'static str {
                match self {
                    $(Self::$variant => concat!($($meaning),+).trim_start(),)+
                }
            }
        }
    };
}

pub(crate) use words;
