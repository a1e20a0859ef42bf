//! Pulling a loop: whole turns in one call, events as rows.

use std::ffi::c_void;
use std::time::Duration;

use super::{adopted, object, tls_loop};
use crate::error::{Error, Result};
use crate::ffi::guard;
use crate::ffi::input;
use crate::ffi::rows::Kinds;
use crate::ffi::status::{tls_status, TLS_OK};
use crate::ffi::stream;
use crate::net::Batch;

/// Words of a row that this version writes; those above it are 0.
pub const TLS_ROW_WORDS: usize = 7;

/// A server has a new connection: handle: the stream; word 4: the server.
pub const TLS_ROW_SECURE_CONNECTION: i32 = 1;
/// A client is connected, and its server accepted, or not refused.
pub const TLS_ROW_SECURE_CONNECT: i32 = 2;
/// Decrypted bytes of a stream: one row at most for each stream in a call.
pub const TLS_ROW_DATA: i32 = 3;
/// The peer of a stream has ended; word 6: 1 after a close_notify, 0 if data may be missing.
pub const TLS_ROW_END: i32 = 4;
/// A stream is closed: its last row; word 6: 1 if by an error.
pub const TLS_ROW_CLOSE: i32 = 5;
/// A stream has failed, and is closed next; word 5: the `tls_error`.
pub const TLS_ROW_ERROR: i32 = 6;
/// All is sent, after a write had answered `TLS_FULL`.
pub const TLS_ROW_DRAIN: i32 = 7;
/// The idle time of `tls_stream_set_timeout` is over.
pub const TLS_ROW_TIMEOUT: i32 = 8;
/// A connection failed before it was secure, and is closed next; handle: the stream; word 4: the
/// server; word 5: the `tls_error`.
pub const TLS_ROW_CLIENT_ERROR: i32 = 9;
/// A server listens; handle: the server, as in the next two.
pub const TLS_ROW_LISTENING: i32 = 10;
/// Accepting failed, and the server goes on trying; word 5: the `tls_error`.
pub const TLS_ROW_SERVER_ERROR: i32 = 11;
/// A server is closed: its last row.
pub const TLS_ROW_SERVER_CLOSE: i32 = 12;
/// A renegotiation of a stream is over.
pub const TLS_ROW_RENEGOTIATED: i32 = 13;
/// A client has a session that can be resumed, whose bytes follow (`tls_stream_on_session`). Off
/// unless asked for.
pub const TLS_ROW_SESSION: i32 = 14;
/// A server made a session (`tls_server_on_new_session`, with all that it changes); handle: the
/// stream; word 4: the server; bytes: the id, of as many bytes as word 6 says, and then the session.
/// Off unless asked for.
pub const TLS_ROW_NEW_SESSION: i32 = 15;
/// A client of a server asks for the name whose bytes follow (`tls_server_on_sni`); handle: the
/// stream; word 4: the server; word 5: the `tls_request`. Off unless asked for, as are the next three.
pub const TLS_ROW_SNI: i32 = 16;
/// A client has given a good certificate (`tls_server_on_check_certificate`), which
/// `tls_stream_peer_certificate` gives; handle: the stream; word 4: the server; word 5: the
/// `tls_request`.
pub const TLS_ROW_CHECK_CERTIFICATE: i32 = 17;
/// A server has given a certificate with a good chain (`tls_stream_on_check_identity`), which
/// `tls_stream_peer_certificate` gives; word 5: the `tls_request`; word 6: 1 if the bytes are the name
/// to verify, 0 if there is none and only the chain counts.
pub const TLS_ROW_CHECK_IDENTITY: i32 = 18;
/// A client offers the session whose id the bytes are (`tls_server_on_resume_session`, with all that
/// it changes); handle: the stream; word 4: the server; word 5: the `tls_request`.
pub const TLS_ROW_RESUME_SESSION: i32 = 19;

/// The kinds of rows that a loop makes without `tls_loop_set_row_kinds`: those of this version that
/// need no answer and change nothing, `TLS_ROW_SECURE_CONNECTION` to `TLS_ROW_RENEGOTIATED`.
pub const TLS_ROW_KINDS_DEFAULT: u64 = 16382;

const _: () = assert!(TLS_ROW_KINDS_DEFAULT == (2 << TLS_ROW_RENEGOTIATED) - 2);

/// `TLS_OK` or the error's status, or how many `work` says there are.
fn counted(work: impl FnOnce() -> Result<usize>) -> i32 {
    let mut count = 0;
    let status = guard::status(|| {
        count = work()?;
        Ok(())
    });
    match status {
        TLS_OK => i32::try_from(count).unwrap_or(i32::MAX),
        error => error,
    }
}

/// Says which events of servers and streams become rows of `tls_loop_poll`, and that the loop will be
/// pulled, which counts at once: from now on data without a callback waits for a poll.
///
/// - `mask`: a bit for each kind, `(uint64_t)1 << TLS_ROW_DATA` and so on; `TLS_ROW_KINDS_DEFAULT`
///   without this call. It counts for servers (and the streams that they accept) and for streams of
///   `tls_connect` that are made from now on; those that are there keep what they have. So different
///   servers of one loop may have different kinds.
///
/// An event whose kind is not among them goes as it goes without a callback: requests are decided by
/// what was set otherwise, data waits at its stream, the others are not told. Kinds that later versions
/// add and that wait for an answer are never on by themselves, so that no binding is asked what it does
/// not know.
///
/// The loop's thread. Errors: `TLS_ERR_INVALID_ARGUMENT` for bits of no kind that this version knows.
#[no_mangle]
pub extern "C" fn tls_loop_set_row_kinds(r#loop: *mut tls_loop, mask: u64) -> tls_status {
    guard::status(|| {
        let object = object(r#loop)?;
        object.rows.set_kinds(Kinds::from_mask(mask)?);
        Ok(())
    })
}

/// One turn of the loop, as by `tls_loop_run_once`, which gives back what happened as rows: for
/// bindings of languages where one callback for each event costs more than the event itself. Each event
/// whose callback is not registered becomes a row; a registered callback is called as ever, and there is
/// no row.
///
/// - `rows`: where to write them; not NULL. Row `i` begins at `rows[i * words]`.
/// - `words`: of a row: 4 at least, and 6 where `tls_loop_set_row_kinds` asked for requests;
///   `TLS_ROW_WORDS` to have all. The library writes each row whole, and 0 to what it has no use for.
/// - `max_rows`: for how many rows there is room, 1 at least. It bounds the turn too: so many
///   connections that waited are served at most, and so many others.
/// - `buffer`: where to put the bytes that belong to rows; may be NULL with capacity 0.
/// - `capacity`: of it, in bytes. 256 KiB serve well.
/// - `timeout_ms`: how long to wait at most, in milliseconds; 0 does not wait, below 0 waits for ever.
///   There is no waiting while anything is left to do or to tell.
///
/// Returns the number of rows, or a status below 0. 0 does not mean that the time is over: a turn may
/// have had a handshake to go on with.
///
/// The words of a row:
///
/// - 0: the handle that it is about, a stream or a server, as a number;
/// - 1: the kind, one of `TLS_ROW_*`. Skip those that you do not know;
/// - 2, 3: where its bytes begin in `buffer`, and how many there are; 0 bytes where the kind has none;
/// - 4: the server, where the kind says so;
/// - 5: a `tls_error` or `tls_request`, where the kind says so;
/// - 6: a number, where the kind says so.
///
/// Words that no kind is said to use are 0. Kinds are never used again for something else, and what
/// later versions add stands in later words.
///
/// **Order.** The rows of a stream are in the order of its events: secure, data, end, and close, which
/// is the last one. A stream has one data row at most in each call, with as much as came and fits; so a
/// stream that is paused (`tls_stream_pause`) has none in the calls after it. After
/// `tls_stream_destroy` only its close comes, apart from rows that were given out already: look streams
/// up by their handle, and skip rows of those that you are done with.
///
/// A stream whose peer has ended ends by itself in the next call, unless
/// `tls_stream_set_allow_half_open` says otherwise: so what came before the end can be answered
/// between the two.
///
/// **Room.** What finds no room waits for the next call, nothing is lost: data waits at its stream,
/// which is not read meanwhile, in the order in which the streams came. A record that does not fit is
/// divided. All other bytes come as a whole: a capacity that is too small for the next row
/// fails as `ERR_BUFFER_TOO_SMALL` (names need 255 bytes, sessions up to 64 KiB and 32), and the row
/// waits. With capacity 0, data waits and everything else is told. While anything waits,
/// `tls_loop_fd` is readable and `tls_loop_next_timeout_ms` is 0.
///
/// **What the handles in rows are good for.** An error lives until the next call of this function
/// for the loop (`tls_error_copy` keeps one for longer). So does a stream or server whose close row was
/// told: its getters answer until then, and then its user data is destroyed. A request is as ever.
///
/// **Beside `tls_loop_run` and `tls_loop_run_once`.** In their turns there are no rows: an event
/// without a callback is not told, also not later, and requests for rows are refused; data waits for
/// the next poll. The same holds for `tls_loop_free`. What an API call outside of any turn causes
/// (an error in `tls_stream_renegotiate`) is a row of the next poll. A stream that is piped somewhere
/// has no data rows.
///
/// The owning thread; a detached loop becomes this thread's. Callbacks run inside this call.
///
/// Errors: `TLS_ERR_INVALID_ARGUMENT` (rows NULL or not aligned, too few words, no room for a row,
/// buffer NULL with a capacity, more than memory can hold, `ERR_BUFFER_TOO_SMALL`); `TLS_ERR_BUSY`
/// inside a callback of this loop; `TLS_ERR_SYSTEM`. Node has no counterpart.
#[no_mangle]
pub unsafe extern "C" fn tls_loop_poll(
    r#loop: *mut tls_loop,
    rows: *mut u64,
    words: usize,
    max_rows: usize,
    buffer: *mut c_void,
    capacity: usize,
    timeout_ms: i64,
) -> i32 {
    counted(|| {
        let object = adopted(r#loop)?;
        object.event_loop.check_not_running()?;
        object.rows.check_words(words)?;
        check_room(rows, words, max_rows, buffer, capacity)?;
        // A count has 31 bits.
        let max_rows = max_rows.min(i32::MAX as usize);
        // SAFETY: the caller's promise; the words were checked.
        let polling = unsafe {
            object
                .rows
                .begin(rows, words, max_rows, buffer.cast(), capacity)
        }?;
        if object.event_loop.pull().is_full() {
            return Ok(polling.count());
        }
        let timeout = match polling.count() {
            0 => u64::try_from(timeout_ms).ok().map(Duration::from_millis),
            _ => Some(Duration::ZERO),
        };
        let turned = object.event_loop.run_pulled(timeout);
        match polling.count() {
            0 => turned.map(|()| 0),
            // What has failed will fail in the next call too; these rows would be lost.
            count => Ok(count),
        }
    })
}

fn check_room(
    rows: *mut u64,
    words: usize,
    max_rows: usize,
    buffer: *mut c_void,
    capacity: usize,
) -> Result<()> {
    if rows.is_null() || !rows.is_aligned() || max_rows == 0 {
        return Err(Error::argument(
            "there must be room for one row at least, at an address that is aligned",
        ));
    }
    if buffer.is_null() && capacity > 0 {
        return Err(Error::argument(format!(
            "NULL with a capacity of {capacity}"
        )));
    }
    let bytes = words
        .checked_mul(max_rows)
        .and_then(|all| all.checked_mul(size_of::<u64>()))
        .unwrap_or(usize::MAX);
    if isize::try_from(bytes.max(capacity)).is_err() {
        return Err(Error::argument("the room is more than memory can hold"));
    }
    Ok(())
}

/// Writes to many streams in one call: for each item what `tls_stream_write` does, and sent in this
/// call rather than in the loop's next turn, unless it is made inside a callback of the loop. Small
/// writes to one stream that follow each other go together. No callback runs: what comes of it (drain,
/// error) comes from the loop.
///
/// - `count`: how many items there are; 0 does nothing. 2,147,483,647 at most.
/// - `streams`: their `count` handles, as numbers, of streams of this loop; one may come several times.
/// - `lengths`: how many bytes each gets.
/// - `joined`: the bytes of all of them, one behind the other; NULL only if there are none.
/// - `statuses`: `count` of them are written: `TLS_OK` or `TLS_FULL` (taken too; wait for drain), or the
///   error that `tls_stream_write` answers. One bad item stops no other.
///
/// Returns how many statuses are not `TLS_OK`: 0 is the good case, and then there is nothing to look
/// at. `tls_last_error` has the last one that failed.
///
/// The loop's thread. A status below 0, with nothing written to anything, for a call that is wrong as
/// a whole: `TLS_ERR_INVALID_ARGUMENT` (an array is NULL or not aligned, or the lengths are more than
/// memory can hold). An item's: `TLS_ERR_INVALID_HANDLE`, `TLS_ERR_INVALID_ARGUMENT` (a stream of another
/// loop), `TLS_ERR_INVALID_STATE`. Node has no counterpart.
#[no_mangle]
pub unsafe extern "C" fn tls_loop_write_batch(
    r#loop: *mut tls_loop,
    count: usize,
    streams: *const u64,
    lengths: *const u64,
    joined: *const c_void,
    statuses: *mut i32,
) -> i32 {
    counted(|| {
        let object = object(r#loop)?;
        if count == 0 {
            return Ok(0);
        }
        // SAFETY: `count` numbers each, by contract.
        let (streams, lengths) = unsafe { (array(streams, count)?, array(lengths, count)?) };
        if statuses.is_null() || !statuses.is_aligned() {
            return Err(bad_array());
        }
        let total = lengths
            .iter()
            .try_fold(0_u64, |total, length| total.checked_add(*length))
            .and_then(|total| usize::try_from(total).ok())
            .ok_or_else(|| Error::argument("the lengths are more than memory can hold"))?;
        // SAFETY: readable by contract.
        let mut rest = unsafe { input::bytes(joined, total) }?;
        let mut batch = Batch::new(&object.event_loop);
        let mut not_ok = 0;
        for (index, (&handle, &length)) in streams.iter().zip(lengths).enumerate() {
            let (data, behind) = rest.split_at(length as usize);
            rest = behind;
            let status = guard::written(|| batch.write(&stream::inner(handle)?, data));
            not_ok += usize::from(status != TLS_OK);
            // SAFETY: there is room for `count` of them, by contract.
            unsafe { statuses.add(index).write(status) };
        }
        Ok(not_ok)
    })
}

fn bad_array() -> Box<Error> {
    Error::argument("an array is NULL, not aligned, or longer than memory")
}

/// # Safety
/// `numbers` is NULL, or readable for `count` numbers until the result is dropped.
unsafe fn array<'a>(numbers: *const u64, count: usize) -> Result<&'a [u64]> {
    let fits = i32::try_from(count).is_ok();
    if numbers.is_null() || !numbers.is_aligned() || !fits {
        return Err(bad_array());
    }
    // SAFETY: the caller's promise; not NULL, aligned, and the length fits.
    Ok(unsafe { std::slice::from_raw_parts(numbers, count) })
}
