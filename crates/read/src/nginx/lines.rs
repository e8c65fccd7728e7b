//! The directives of one proxy, with what it includes put in place.

use std::collections::{BTreeMap, BTreeSet};

use wonin_model::{Interpolated, Located};
use wonin_syntax::{NginxDirective, NginxTree, NginxWord};
use wonin_text::{FileId, Place};

use crate::servers::expand_text;

/// Includes within includes that are followed.
const DEPTH_MAX: usize = 8;

/// Files that one proxy may include, counted each time: no real one has this many.
const INCLUDES_MAX: usize = 1_000;

/// Directives that one proxy may have, included ones counted each time.
const LINES_MAX: usize = 200_000;

/// One directive with located words.
#[derive(Clone, Debug)]
pub(super) struct Line {
    /// Its name.
    pub(super) name: String,
    /// Its arguments.
    pub(super) args: Vec<Located<String>>,
    /// The directives of its block.
    pub(super) block: Vec<Line>,
    /// Whether it has a block at all.
    pub(super) has_block: bool,
    /// From name to end.
    pub(super) place: Place,
}

impl Line {
    /// Whether it has this name.
    pub(super) fn is(&self, name: &str) -> bool {
        self.name == name
    }

    /// The first argument.
    pub(super) fn arg(&self) -> Option<&Located<String>> {
        self.args.first()
    }
}

/// A file of a proxy.
#[derive(Clone, Copy, Debug)]
pub(super) struct File<'a> {
    pub(super) id: FileId,
    pub(super) tree: &'a NginxTree,
    /// Whether `${NAME}` is filled in from the environment before nginx reads it.
    pub(super) is_template: bool,
}

/// The files of a proxy by the path under which nginx sees them, and the environment of its
/// container.
#[derive(Debug)]
pub(super) struct View<'a> {
    pub(super) files: BTreeMap<String, File<'a>>,
    pub(super) environment: Option<&'a BTreeMap<String, Located<String>>>,
    included: usize,
    lines: usize,
    seen: BTreeSet<String>,
}

impl<'a> View<'a> {
    pub(super) fn new(
        files: BTreeMap<String, File<'a>>,
        environment: Option<&'a BTreeMap<String, Located<String>>>,
    ) -> Self {
        Self { files, environment, included: 0, lines: 0, seen: BTreeSet::new() }
    }

    /// The directives of a file, its includes in place.
    pub(super) fn lines(&mut self, path: &str) -> Vec<Line> {
        self.file_lines(path, path, 0)
    }

    /// The files that were put in so far.
    pub(super) fn seen(self) -> BTreeSet<String> {
        self.seen
    }

    /// `root` is the file that nginx starts with: relative includes count from its directory.
    fn file_lines(&mut self, path: &str, root: &str, depth: usize) -> Vec<Line> {
        let Some(file) = self.files.get(path).copied() else { return Vec::new() };
        self.included += 1;
        self.seen.insert(path.to_owned());
        self.block_lines(file, &file.tree.directives, root, depth)
    }

    fn block_lines(
        &mut self,
        file: File<'a>,
        directives: &'a [NginxDirective],
        root: &str,
        depth: usize,
    ) -> Vec<Line> {
        let mut lines = Vec::new();
        for directive in directives {
            if LINES_MAX <= self.lines {
                break;
            }
            self.lines += 1;
            if directive.is("include") && directive.block.is_none() {
                let pattern = directive.args.first().map_or("", |word| word.value.as_str());
                if depth < DEPTH_MAX && self.included < INCLUDES_MAX {
                    for path in self.matching(pattern, root) {
                        lines.extend(self.file_lines(&path, root, depth + 1));
                    }
                }
                continue;
            }
            lines.push(Line {
                name: directive.name.value.clone(),
                args: directive.args.iter().map(|word| self.word(file, word)).collect(),
                block: self.block_lines(file, directive.children(), root, depth),
                has_block: directive.block.is_some(),
                place: Place { file: file.id, span: directive.span },
            });
        }
        lines
    }

    /// The files that an `include` names, in the order of their paths.
    fn matching(&self, pattern: &str, root: &str) -> Vec<String> {
        let directory = root.rsplit_once('/').map_or("", |(directory, _)| directory);
        let inside = ["/etc/nginx/", "/usr/local/openresty/nginx/conf/", "/usr/local/nginx/conf/"];
        // Outside of a container an absolute path means the directory of the root file.
        let relative = inside.iter().find_map(|prefix| pattern.strip_prefix(prefix));
        let near = match relative.or((!pattern.starts_with('/')).then_some(pattern)) {
            Some(rest) if directory.is_empty() => rest.to_owned(),
            Some(rest) => format!("{directory}/{rest}"),
            None => pattern.to_owned(),
        };
        let is_named = |path: &&String| glob(pattern, path) || glob(&near, path);
        self.files.keys().filter(is_named).filter(|path| *path != root).cloned().collect()
    }

    fn word(&self, file: File<'_>, word: &NginxWord) -> Located<String> {
        let place = Place { file: file.id, span: word.inner };
        let environment = self.environment.filter(|_| file.is_template);
        let Some(environment) = environment.filter(|_| word.value.contains('$')) else {
            return Located::written(word.value.clone(), place);
        };
        let mut from = Vec::new();
        let used = std::cell::RefCell::new(&mut from);
        let value = expand_text(&word.value, |name| {
            let value = environment.get(name)?;
            used.borrow_mut().extend(value.place());
            Some(value.value.clone())
        });
        if value == word.value {
            return Located::written(value, place);
        }
        Located { value, origin: Interpolated { place, from, unset: Vec::new() }.into() }
    }
}

/// Whether a path matches a pattern with `*` and `?`, neither of which crosses a `/`.
fn glob(pattern: &str, path: &str) -> bool {
    let (pattern, path) = (pattern.as_bytes(), path.as_bytes());
    let (mut p, mut t) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while t < path.len() {
        match pattern.get(p) {
            Some(b'*') => {
                star = Some((p, t));
                p += 1;
            }
            Some(&byte) if byte == path[t] || (byte == b'?' && path[t] != b'/') => {
                p += 1;
                t += 1;
            }
            _ => match star {
                Some((at, from)) if path[from] != b'/' => {
                    star = Some((at, from + 1));
                    p = at + 1;
                    t = from + 1;
                }
                _ => return false,
            },
        }
    }
    pattern[p..].iter().all(|&byte| byte == b'*')
}

#[cfg(test)]
mod tests {
    use super::*;
    use wonin_syntax::parse_nginx;

    #[test]
    fn globs_stay_in_their_directory() {
        assert!(glob("/etc/nginx/conf.d/*.conf", "/etc/nginx/conf.d/a.conf"));
        assert!(!glob("/etc/nginx/*.conf", "/etc/nginx/conf.d/a.conf"));
        assert!(glob("a*b?c", "axxbxc"));
        assert!(!glob("a", "ab"));
    }

    #[test]
    fn includes_are_put_in_place_and_circles_end() {
        let root = parse_nginx("http { include conf.d/*.conf; }");
        let site = parse_nginx("server { include /etc/nginx/conf.d/*.conf; }");
        let file = |tree| File { id: FileId(0), tree, is_template: false };
        let files = BTreeMap::from([
            ("/etc/nginx/nginx.conf".to_owned(), file(&root)),
            ("/etc/nginx/conf.d/site.conf".to_owned(), file(&site)),
        ]);
        let lines = View::new(files, None).lines("/etc/nginx/nginx.conf");
        let mut depth = 0;
        let mut block = &lines;
        while let Some(line) = block.first() {
            depth += 1;
            block = &line.block;
        }
        assert_eq!(depth, 1 + DEPTH_MAX);
    }
}
