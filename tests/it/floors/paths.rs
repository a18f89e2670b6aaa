//! Finds every path that a source file writes: in `use` trees, in code, in attributes and inside macros.
//!
//! Not here: what a path may point at ([`super`]).

use syn::buffer::{Cursor, TokenBuffer};
use syn::visit::{self, Visit};

/// A path as written, and the module it was written in.
#[derive(Debug, PartialEq, Eq)]
pub struct Mention {
    /// The module that encloses it, inline modules included: `["store", "tokens", "tests"]`.
    pub module: Vec<String>,
    /// Its segments; a glob import ends in `*`.
    pub path: Vec<String>,
    /// Whether a `use` or `extern crate` wrote it, so that even one segment names a crate or module.
    pub imported: bool,
}

/// All paths of a source text that lies in `module`.
///
/// # Errors
/// The text is not Rust.
pub fn mentions(module: &[String], source: &str) -> syn::Result<Vec<Mention>> {
    let mut finder = Finder { module: module.to_vec(), found: Vec::new() };
    finder.visit_file(&syn::parse_file(source)?);
    Ok(finder.found)
}

struct Finder {
    module: Vec<String>,
    found: Vec<Mention>,
}

impl Finder {
    fn record(&mut self, path: Vec<String>, imported: bool) {
        self.found.push(Mention { module: self.module.clone(), path, imported });
    }

    fn record_use(&mut self, prefix: &[String], tree: &syn::UseTree) {
        let with = |segment: String| [prefix, &[segment]].concat();
        match tree {
            syn::UseTree::Path(path) => self.record_use(&with(path.ident.to_string()), &path.tree),
            // `a::{self}` is `a`.
            syn::UseTree::Name(name) if name.ident == "self" && !prefix.is_empty() => {
                self.record(prefix.to_vec(), true)
            }
            syn::UseTree::Rename(name) if name.ident == "self" && !prefix.is_empty() => {
                self.record(prefix.to_vec(), true);
            }
            syn::UseTree::Name(name) => self.record(with(name.ident.to_string()), true),
            syn::UseTree::Rename(name) => self.record(with(name.ident.to_string()), true),
            syn::UseTree::Glob(_) => self.record(with("*".to_owned()), true),
            syn::UseTree::Group(group) => group.items.iter().for_each(|item| self.record_use(prefix, item)),
        }
    }

    /// Reads chains of `ident::ident` out of tokens that have no syntax yet; `prefix` is what stands before a group.
    fn scan(&mut self, prefix: &[String], mut at: Cursor<'_>) {
        let mut chain = prefix.to_vec();
        let mut joined = !prefix.is_empty();
        while !at.eof() {
            if let Some((ident, next)) = at.ident() {
                if !joined {
                    self.end_chain(&mut chain, prefix);
                }
                chain.push(ident.to_string());
                joined = false;
                at = next;
            } else if let Some(next) = double_colon(at) {
                joined = !chain.is_empty();
                at = next;
            } else if let Some((inner, _, _, next)) = at.any_group() {
                let inner_prefix = if joined { chain.clone() } else { Vec::new() };
                self.end_chain(&mut chain, prefix);
                self.scan(&inner_prefix, inner);
                joined = !prefix.is_empty();
                at = next;
            } else {
                self.end_chain(&mut chain, prefix);
                joined = !prefix.is_empty();
                if let Some((literal, next)) = at.literal() {
                    self.record_quoted(&literal.to_string());
                    at = next;
                } else {
                    let Some((_, next)) = at.token_tree() else { return };
                    at = next;
                }
            }
        }
        self.end_chain(&mut chain, prefix);
    }

    fn end_chain(&mut self, chain: &mut Vec<String>, prefix: &[String]) {
        let done = std::mem::replace(chain, prefix.to_vec());
        if done.len() > prefix.len() {
            self.record(done, !prefix.is_empty());
        }
    }

    /// Attributes may quote paths: `#[serde(with = "crate::base::secret")]`.
    fn record_quoted(&mut self, literal: &str) {
        let quoted = literal.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
        if let Some(path) = quoted.filter(|text| text.contains("::")).and_then(|text| syn::parse_str(text).ok()) {
            self.visit_path(&path);
        }
    }
}

impl<'ast> Visit<'ast> for Finder {
    fn visit_item_mod(&mut self, item: &'ast syn::ItemMod) {
        self.module.push(item.ident.to_string());
        visit::visit_item_mod(self, item);
        self.module.pop();
    }

    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        self.record_use(&[], &item.tree);
        visit::visit_item_use(self, item);
    }

    fn visit_item_extern_crate(&mut self, item: &'ast syn::ItemExternCrate) {
        self.record(vec![item.ident.to_string()], true);
        visit::visit_item_extern_crate(self, item);
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        self.record(path.segments.iter().map(|segment| segment.ident.to_string()).collect(), false);
        visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, mac: &'ast syn::Macro) {
        visit::visit_macro(self, mac);
        self.scan(&[], TokenBuffer::new2(mac.tokens.clone()).begin());
    }

    fn visit_meta_list(&mut self, list: &'ast syn::MetaList) {
        visit::visit_meta_list(self, list);
        self.scan(&[], TokenBuffer::new2(list.tokens.clone()).begin());
    }
}

fn double_colon(at: Cursor<'_>) -> Option<Cursor<'_>> {
    let (first, next) = at.punct()?;
    let (second, rest) = next.punct()?;
    (first.as_char() == ':' && second.as_char() == ':').then_some(rest)
}

mod tests {
    use super::mentions;

    fn paths(source: &str) -> Vec<String> {
        mentions(&["own".to_owned()], source)
            .unwrap()
            .into_iter()
            .map(|mention| mention.path.join("::"))
            .filter(|path| path.contains("::"))
            .collect()
    }

    #[test]
    fn use_trees_are_flattened() {
        assert_eq!(
            paths("use crate::{a::{self, B as C}, d::*}; use super::{e, self as f};"),
            ["crate::a", "crate::a::B", "crate::d::*", "super::e"]
        );
    }

    #[test]
    fn paths_are_found_in_types_expressions_patterns_and_attributes() {
        let source = r#"
            #[crate::one]
            #[serde(with = "crate::two::three")]
            #[diesel(sql_type = crate::four::Five)]
            fn f(x: crate::six::Seven<crate::eight::Nine>) {
                match x { crate::ten::Eleven(y) => y, _ => crate::twelve::thirteen() }
            }"#;
        let found = paths(source);
        for path in ["one", "two::three", "four::Five", "six::Seven", "eight::Nine", "ten::Eleven", "twelve::thirteen"]
        {
            assert!(found.contains(&format!("crate::{path}")), "{path} is missing from {found:?}");
        }
    }

    #[test]
    fn paths_are_found_inside_macros() {
        let source = r#"
            macro_rules! m { ($x:ident) => { $crate::one::$x(crate::two::Three::<super::four::Five>::new()) } }
            fn f() { vec![g(h::i), crate::six::seven!({ use crate::{eight::nine, ten}; })]; a.b(c); }"#;
        assert_eq!(
            paths(source),
            [
                "crate::one",
                "crate::two::Three",
                "super::four::Five",
                "h::i",
                "crate::six::seven",
                "crate::eight::nine",
                "crate::ten"
            ]
        );
    }

    #[test]
    fn mentions_know_their_inline_module() {
        let found = mentions(&["a".to_owned()], "mod b { mod c { use super::x; } fn f() { super::y() } }").unwrap();
        assert_eq!(found[0].module, ["a", "b", "c"]);
        assert_eq!(found[1].module, ["a", "b"]);
    }
}
