//! llguidance behind a C-like interface: a vocabulary in, grammars compiled, matchers cloned, one bit a token out.
//! One instance is one thread. Nothing here reads a file, a clock or a network but through the imports `now` and `random`.
//!
//! Every pointer is an offset into this instance's memory. A function that fails leaves its reason in the text buffer.
//! A panic leaves its message there too and then traps: the host must throw the instance away.

use std::cell::RefCell;
use std::sync::Arc;

use anyhow::{anyhow, bail, ensure, Result};
use llguidance::api::{GrammarWithLexer, ParserLimits, TopLevelGrammar};
use llguidance::toktrie::{ApproximateTokEnv, InferenceCapabilities, SimpleVob, TokEnv, TokRxInfo, TokTrie};
use llguidance::{panic_utils, Matcher, ParserFactory};

#[link(wasm_import_module = "env")]
extern "C" {
    fn random(pointer: *mut u8, length: usize);
}

/// The random source of hash seeds (`getrandom_backend="custom"`).
#[no_mangle]
unsafe extern "Rust" fn __getrandom_v03_custom(pointer: *mut u8, length: usize) -> Result<(), getrandom::Error> {
    random(pointer, length);
    Ok(())
}

#[derive(Default)]
struct State {
    factory: Option<ParserFactory>,
    /// The last mask; its words stay in place until the next call of `mask`.
    mask: Option<SimpleVob>,
    /// The last error, warnings or forced bytes.
    text: Vec<u8>,
}

thread_local! {
    static STATE: RefCell<State> = RefCell::new(State::default());
}

fn set_text(text: impl Into<Vec<u8>>) {
    STATE.with(|state| state.borrow_mut().text = text.into());
}

/// Keeps the reason of a failure and gives its place to `otherwise`.
fn attempt<T>(otherwise: T, work: impl FnOnce() -> Result<T>) -> T {
    work().unwrap_or_else(|error| {
        set_text(format!("{error:#}"));
        otherwise
    })
}

unsafe fn bytes<'a>(pointer: *const u8, length: usize) -> &'a [u8] {
    if length == 0 { &[] } else { std::slice::from_raw_parts(pointer, length) }
}

/// Room for `length` bytes, 8-aligned; give it back with `release`.
#[no_mangle]
pub extern "C" fn allocate(length: usize) -> *mut u8 {
    let mut room: Vec<u64> = Vec::with_capacity(length.div_ceil(8).max(1));
    let pointer = room.as_mut_ptr().cast();
    std::mem::forget(room);
    pointer
}

/// # Safety
/// `pointer` and `length` are what `allocate` was asked for and gave.
#[no_mangle]
pub unsafe extern "C" fn release(pointer: *mut u8, length: usize) {
    drop(Vec::<u64>::from_raw_parts(pointer.cast(), 0, length.div_ceil(8).max(1)));
}

#[no_mangle]
pub extern "C" fn text_pointer() -> *const u8 {
    STATE.with(|state| state.borrow().text.as_ptr())
}

#[no_mangle]
pub extern "C" fn text_length() -> usize {
    STATE.with(|state| state.borrow().text.len())
}

/// Builds the token tree. `ends[i]` is where token i's bytes end in `data`; `stops` are the end-of-sequence ids; `limits` is
/// `ParserLimits` as JSON. 1 when done.
///
/// # Safety
/// The pointers hold what they say.
#[no_mangle]
pub unsafe extern "C" fn load_vocabulary(
    data: *const u8,
    ends: *const u32,
    tokens: usize,
    stops: *const u32,
    stop_count: usize,
    limits: *const u8,
    limits_length: usize,
) -> i32 {
    // llguidance installs its own panic hook once: let it, then take its place, because nothing unwinds here.
    let _ = panic_utils::catch_unwind(|| Ok(()));
    std::panic::set_hook(Box::new(|panic| set_text(format!("{panic}"))));
    attempt(0, || {
        ensure!(tokens > 0 && stop_count > 0, "a vocabulary needs tokens and an end-of-sequence token");
        let ends = std::slice::from_raw_parts(ends, tokens);
        let stops = std::slice::from_raw_parts(stops, stop_count);
        let limits: ParserLimits = serde_json::from_slice(bytes(limits, limits_length))?;
        let mut start = 0;
        let mut words = Vec::with_capacity(tokens);
        for &end in ends {
            words.push(bytes(data.add(start), end as usize - start).to_vec());
            start = end as usize;
        }
        let trie = TokTrie::from(&TokRxInfo::new(tokens as u32, stops[0]), &words).with_eos_tokens(stops);
        let environment: TokEnv = Arc::new(ApproximateTokEnv::new(trie));
        let slices = llguidance::earley::SlicedBiasComputer::general_slices();
        let mut factory = ParserFactory::new(&environment, InferenceCapabilities::default(), &slices)?;
        *factory.quiet().limits_mut() = limits;
        STATE.with(|state| state.borrow_mut().factory = Some(factory));
        Ok(1)
    })
}

/// Compiles a rule: kind 0 is a JSON Schema, 1 a Lark grammar, 2 a regular expression. A matcher, or null.
///
/// # Safety
/// `rule` holds `length` bytes.
#[no_mangle]
pub unsafe extern "C" fn compile(kind: u32, rule: *const u8, length: usize) -> *mut Matcher {
    attempt(std::ptr::null_mut(), || {
        let rule = std::str::from_utf8(bytes(rule, length))?;
        let grammar = match kind {
            0 => GrammarWithLexer::from_json_schema(serde_json::from_str(rule)?),
            1 => GrammarWithLexer::from_lark(rule.to_string()),
            2 => GrammarWithLexer::from_regex(rule),
            _ => bail!("unknown kind of rule"),
        };
        let parser = STATE.with(|state| {
            let state = state.borrow();
            let factory = state.factory.as_ref().ok_or_else(|| anyhow!("no vocabulary was loaded"))?;
            factory.create_parser(TopLevelGrammar::from_grammar(grammar))
        })?;
        let mut matcher = Matcher::new(Ok(parser));
        set_text(matcher.grammar_warnings().join("\n"));
        Ok(Box::into_raw(Box::new(matcher)))
    })
}

/// A matcher in the same place as `matcher`; they share what the lexer learns.
///
/// # Safety
/// This and all below: `matcher` came from `compile` or `clone_matcher` and was not given to `free_matcher`.
#[no_mangle]
pub unsafe extern "C" fn clone_matcher(matcher: *const Matcher) -> *mut Matcher {
    Box::into_raw(Box::new((*matcher).clone()))
}

#[no_mangle]
pub unsafe extern "C" fn free_matcher(matcher: *mut Matcher) {
    drop(Box::from_raw(matcher));
}

/// 1 when the token may come next, 0 when not, -1 on failure.
#[no_mangle]
pub unsafe extern "C" fn allows(matcher: *mut Matcher, token: u32) -> i32 {
    attempt(-1, || Ok((*matcher).validate_tokens(&[token])? as i32))
}

/// The words of the mask of allowed tokens, bit i of word w is token 32 w + i; null on failure.
#[no_mangle]
pub unsafe extern "C" fn mask(matcher: *mut Matcher) -> *const u32 {
    attempt(std::ptr::null(), || {
        let mask = (*matcher).compute_mask_or_eos()?;
        let pointer = mask.as_ptr();
        STATE.with(|state| state.borrow_mut().mask = Some(mask));
        Ok(pointer)
    })
}

/// Takes the token. 1 when done, -1 on failure: then the matcher is of no more use.
#[no_mangle]
pub unsafe extern "C" fn accept(matcher: *mut Matcher, token: u32) -> i32 {
    attempt(-1, || (*matcher).consume_token(token).map(|()| 1))
}

/// Bit 0: stopped. Bit 1: the answer may end here. Bit 2: failed.
#[no_mangle]
pub unsafe extern "C" fn status(matcher: *mut Matcher) -> u32 {
    let matcher = &mut *matcher;
    let failed = matcher.is_error();
    let accepting = !failed && matcher.is_accepting().unwrap_or(false);
    u32::from(matcher.is_stopped()) | u32::from(accepting) << 1 | u32::from(failed) << 2
}

/// Puts the bytes that must come next, perhaps none, into the text buffer.
#[no_mangle]
pub unsafe extern "C" fn forced(matcher: *mut Matcher) {
    set_text((*matcher).compute_ff_bytes());
}
