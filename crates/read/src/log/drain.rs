//! Templates: which messages are one text with other values.
//!
//! Two stages. While reading, messages that are equal but for what looks like a value (see
//! [`mask`](super::mask)) share a signature; a look-up by hash, or in a tree of fixed depth (key,
//! pieces, first word), finds it. At the end, and whenever there are too many, signatures are
//! laid together: a word is a value, too, where many different ones stand at one place of an
//! otherwise equal text. That can only be seen with the whole log at hand, which is why it waits.

use std::collections::{BTreeMap, HashMap};
use std::hash::BuildHasherDefault;

use super::hash::{Mixed, hash_bytes, mix};
use super::mask::{Kind, Piece, cut};

/// Signatures held at once; more of them are laid together, and then the rarest forgotten.
const SIGNATURES_MAX: usize = 16 << 10;
/// Hashes remembered; forgetting one costs a look-up in the tree.
const HASHES_MAX: usize = 4 * SIGNATURES_MAX;
/// Different words at one place that make it a value.
const WORDS_OF_VALUE: usize = 6;
/// Share of equal words, in hundredths, that makes two signatures one template.
const ALIKE_PERCENT: usize = 90;
/// Templates of one leaf that a signature is compared with.
const LEAF_MAX: usize = 128;

/// What stands for a value in place of a word's hash.
const VALUE: u64 = 0;
/// How a value is written in a template.
const VALUE_TEXT: &str = "<*>";

type ByHash = HashMap<u64, u32, BuildHasherDefault<Mixed>>;

/// One piece of a signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Token {
    /// Hash of the word or mark, [`VALUE`] for a value. Words are compared by their hashes alone;
    /// that two of one file have the same is less likely than a broken disk.
    word: u64,
    /// Where its text ends in that of the signature.
    end: u32,
    is_mark: bool,
    spaced: bool,
}

/// Messages that are equal but for their values.
#[derive(Debug, Default)]
struct Signature {
    key: u64,
    tokens: Vec<Token>,
    /// Words and marks, one behind the other.
    text: Box<str>,
    count: u64,
}

impl Signature {
    fn first(&self) -> u64 {
        self.tokens.first().map_or(VALUE, |token| token.word)
    }

    fn leaf(&self) -> Leaf {
        (self.key, self.tokens.len(), self.first())
    }

    /// Whether a place holds a word, which could turn out to be a value.
    fn is_word(&self, at: usize) -> bool {
        !self.tokens[at].is_mark && self.tokens[at].word != VALUE
    }

    fn words(&self) -> usize {
        (0..self.tokens.len()).filter(|&at| self.is_word(at)).count()
    }
}

/// Key, number of pieces, first word.
type Leaf = (u64, usize, u64);

/// Finds the templates of one file's messages.
#[derive(Debug, Default)]
pub(super) struct Miner {
    /// Pieces of the message at hand, and their hashes.
    pieces: Vec<Piece>,
    words: Vec<u64>,
    by_hash: ByHash,
    /// Signatures that hold words turned values, which no hash finds.
    tree: BTreeMap<Leaf, Vec<u32>>,
    signatures: Vec<Signature>,
}

impl Miner {
    /// The number of a message's signature. Messages of different keys never share one. Numbers
    /// are valid until [`Miner::lay_together`].
    pub(super) fn learn(&mut self, key: u64, message: &str) -> u32 {
        cut(message, &mut self.pieces);
        self.words.clear();
        self.words.extend(self.pieces.iter().map(|piece| word_of(piece, message)));
        let hash = self.words.iter().fold(mix(key, 0x5bd1), |hash, word| mix(hash, *word));
        if let Some(&number) = self.by_hash.get(&hash) {
            self.signatures[number as usize].count += 1;
            return number;
        }
        let number = if let Some(number) = self.in_tree(key) {
            self.signatures[number as usize].count += 1;
            number
        } else {
            self.signatures.push(self.signature(key, message));
            self.signatures.len() as u32 - 1
        };
        if self.by_hash.len() >= HASHES_MAX {
            self.by_hash.clear();
        }
        self.by_hash.insert(hash, number);
        number
    }

    /// Whether it is time for [`Miner::lay_together`].
    pub(super) fn is_full(&self) -> bool {
        self.signatures.len() >= SIGNATURES_MAX
    }

    /// The text of a template, `<*>` for a value.
    pub(super) fn text(&self, number: u32) -> String {
        let signature = &self.signatures[number as usize];
        let mut out = String::new();
        let mut from = 0;
        for token in &signature.tokens {
            if token.spaced && !out.is_empty() {
                out.push(' ');
            }
            let text = &signature.text[from..token.end as usize];
            out.push_str(if token.word == VALUE { VALUE_TEXT } else { text });
            from = token.end as usize;
        }
        out
    }

    /// A signature of the message just cut.
    fn signature(&self, key: u64, message: &str) -> Signature {
        let said = self.pieces.iter().filter(|piece| piece.kind != Kind::Value);
        let bytes = said.map(|piece| piece.end as usize - piece.start as usize).sum();
        let mut text = String::with_capacity(bytes);
        let pieces = self.pieces.iter().zip(&self.words);
        let tokens = pieces.map(|(piece, &word)| {
            if piece.kind != Kind::Value {
                text.push_str(&message[piece.start as usize..piece.end as usize]);
            }
            let (end, is_mark) = (text.len() as u32, piece.kind == Kind::Mark);
            Token { word, end, is_mark, spaced: piece.spaced }
        });
        Signature { key, tokens: tokens.collect(), text: text.into(), count: 1 }
    }

    /// A signature whose values cover the message just cut.
    fn in_tree(&self, key: u64) -> Option<u32> {
        let leaf = (key, self.words.len(), *self.words.first()?);
        let covers = |number: &&u32| {
            let known = self.signatures[**number as usize].tokens.iter();
            known.zip(&self.words).zip(&self.pieces).all(|((known, word), piece)| {
                *word == known.word || (known.word == VALUE && piece.kind != Kind::Mark)
            })
        };
        self.tree.get(&leaf)?.iter().take(LEAF_MAX).find(covers).copied()
    }

    /// Lays signatures together that are one template. Gives the new number of each old one.
    pub(super) fn lay_together(&mut self) -> Vec<u32> {
        self.turn_columns();
        let mut new = self.cluster();
        if self.signatures.len() > SIGNATURES_MAX / 2 {
            let kept = self.forget_rare();
            for number in &mut new {
                *number = kept[*number as usize];
            }
        }
        self.rebuild();
        new
    }

    /// Turns words into values where many different ones stand at one place of an otherwise equal
    /// text, until nothing changes.
    fn turn_columns(&mut self) {
        let mut columns: Vec<Column> = Vec::new();
        let mut after = Vec::new();
        loop {
            columns.clear();
            for (number, signature) in self.signatures.iter().enumerate() {
                add_columns(signature, number as u32, &mut after, &mut columns);
            }
            columns.sort_unstable();
            let mut turned: Vec<(u32, u32)> = Vec::new();
            for column in columns.chunk_by(|one, other| (one.0, one.1) == (other.0, other.1)) {
                let words = column.chunk_by(|one, other| one.2 == other.2).count();
                if words >= WORDS_OF_VALUE {
                    turned.extend(column.iter().map(|&(_, at, _, number)| (number, at)));
                }
            }
            if turned.is_empty() {
                return;
            }
            for (number, at) in turned {
                self.signatures[number as usize].tokens[at as usize].word = VALUE;
            }
        }
    }

    /// Makes signatures one that are alike, the most frequent first.
    fn cluster(&mut self) -> Vec<u32> {
        let mut old = std::mem::take(&mut self.signatures);
        let mut order: Vec<usize> = (0..old.len()).collect();
        order.sort_by_key(|&number| (std::cmp::Reverse(old[number].count), number));
        let mut leaves: BTreeMap<Leaf, Vec<u32>> = BTreeMap::new();
        let mut new = vec![0; old.len()];
        for number in order {
            let signature = &old[number];
            let leaf = leaves.entry(signature.leaf()).or_default();
            let alike = leaf.iter().take(LEAF_MAX).filter_map(|&known| {
                let share = share_alike(&self.signatures[known as usize], signature)?;
                (share >= ALIKE_PERCENT).then_some((share, known))
            });
            let best = alike.max_by_key(|&(share, known)| (share, std::cmp::Reverse(known)));
            if let Some((_, known)) = best {
                let template = &mut self.signatures[known as usize];
                template.count += signature.count;
                for (token, other) in template.tokens.iter_mut().zip(&signature.tokens) {
                    if token.word != other.word {
                        token.word = VALUE;
                    }
                }
                new[number] = known;
            } else {
                new[number] = self.signatures.len() as u32;
                leaf.push(new[number]);
                self.signatures.push(std::mem::take(&mut old[number]));
            }
        }
        new
    }

    /// Keeps the most frequent signatures; the others become one per key.
    fn forget_rare(&mut self) -> Vec<u32> {
        let mut old = std::mem::take(&mut self.signatures);
        let mut order: Vec<usize> = (0..old.len()).collect();
        order.sort_by_key(|&number| (std::cmp::Reverse(old[number].count), number));
        let mut new = vec![0; old.len()];
        let mut others: BTreeMap<u64, u32> = BTreeMap::new();
        for (rank, number) in order.into_iter().enumerate() {
            let signature = &mut old[number];
            if rank < SIGNATURES_MAX / 4 && !signature.tokens.is_empty() {
                new[number] = self.signatures.len() as u32;
                self.signatures.push(std::mem::take(signature));
                continue;
            }
            let other = *others.entry(signature.key).or_insert_with(|| {
                let key = signature.key;
                self.signatures.push(Signature { key, ..Signature::default() });
                self.signatures.len() as u32 - 1
            });
            self.signatures[other as usize].count += signature.count;
            new[number] = other;
        }
        new
    }

    /// Tree and hashes anew from the signatures.
    fn rebuild(&mut self) {
        self.by_hash.clear();
        self.tree.clear();
        for (number, signature) in self.signatures.iter().enumerate() {
            self.tree.entry(signature.leaf()).or_default().push(number as u32);
        }
    }
}

/// What stands for a piece of a message where pieces are compared.
fn word_of(piece: &Piece, message: &str) -> u64 {
    let bytes = &message.as_bytes()[piece.start as usize..piece.end as usize];
    match piece.kind {
        Kind::Value => VALUE,
        Kind::Mark => u64::from(bytes[0]) + 1,
        Kind::Word => hash_bytes(0x5bd1, bytes),
    }
}

/// The hash of all around a word, its place, the word, and the signature's number.
type Column = (u64, u32, u64, u32);

/// The words of a signature that could be values. The first one stays: it says what the text is
/// about; and something must stay that the texts have in common.
fn add_columns(
    signature: &Signature,
    number: u32,
    after: &mut Vec<u64>,
    columns: &mut Vec<Column>,
) {
    if signature.words() < 2 {
        return;
    }
    let tokens = &signature.tokens;
    // Hashes of what follows each place.
    after.clear();
    after.resize(tokens.len() + 1, 0);
    for at in (0..tokens.len()).rev() {
        after[at] = mix(after[at + 1], tokens[at].word);
    }
    let mut before = mix(signature.key, tokens.len() as u64);
    for (at, token) in tokens.iter().enumerate() {
        if at > 0 && signature.is_word(at) {
            columns.push((mix(before, after[at + 1]), at as u32, token.word, number));
        }
        before = mix(before, token.word);
    }
}

/// The share of equal words in hundredths; `None` where punctuation differs.
fn share_alike(one: &Signature, other: &Signature) -> Option<usize> {
    let (mut same, mut all) = (0, 0);
    for (one, other) in one.tokens.iter().zip(&other.tokens) {
        if one.is_mark || other.is_mark {
            if one.word != other.word {
                return None;
            }
        } else if one.word != VALUE || other.word != VALUE {
            all += 1;
            same += usize::from(one.word == other.word);
        }
    }
    Some((same * 100).checked_div(all).unwrap_or(100))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn templates(messages: impl IntoIterator<Item = String>) -> Vec<(String, u64)> {
        let mut miner = Miner::default();
        for message in messages {
            if miner.is_full() {
                miner.lay_together();
            }
            miner.learn(0, &message);
        }
        miner.lay_together();
        let all = 0..miner.signatures.len() as u32;
        all.map(|number| (miner.text(number), miner.signatures[number as usize].count)).collect()
    }

    #[test]
    fn numbers_are_values_and_words_are_not() {
        let found = templates((0..10).map(|number| {
            format!("Took {number}.5 seconds to {} it", ["build", "drop"][number % 2])
        }));
        let expected =
            [("Took <*> to build it".to_owned(), 5), ("Took <*> to drop it".to_owned(), 5)];
        assert_eq!(found, expected);
    }

    #[test]
    fn many_words_at_one_place_are_a_value() {
        let names = ["ann", "bob", "cid", "dan", "eve", "fay", "gus"];
        let found =
            templates(names.iter().map(|name| format!("Invalid user {name} from 10.0.0.1")));
        assert_eq!(found, [("Invalid user <*> from <*>".to_owned(), 7)]);
    }

    #[test]
    fn words_of_known_templates_are_no_new_ones() {
        let mut miner = Miner::default();
        let name = |number: u32| {
            let digit = |by: u32| char::from(b'a' + (number / by % 26) as u8);
            [digit(1), digit(26), digit(676), 'x'].iter().collect::<String>()
        };
        for number in 0..10 {
            miner.learn(0, &format!("Invalid user {} today", name(number)));
        }
        miner.lay_together();
        for number in 10..1000 {
            miner.learn(0, &format!("Invalid user {} today", name(number)));
        }
        assert_eq!(miner.signatures.len(), 1);
    }

    #[test]
    fn memory_stays_bounded_when_every_message_is_new() {
        let letters = |mut number: u64| {
            let mut out = String::new();
            while number > 0 {
                out.push(char::from(b'a' + (number % 26) as u8));
                number /= 26;
            }
            out
        };
        let messages = (0..100_000u64)
            .map(|number| format!("{} {}", letters(number * 7919), letters(number * 104_729)));
        let found = templates(messages);
        assert!(found.len() < SIGNATURES_MAX);
        assert_eq!(found.iter().map(|(_, count)| count).sum::<u64>(), 100_000);
    }
}
