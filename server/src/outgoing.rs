//! The body of a response on its way to the connection.

use std::{
    error, fmt, mem,
    num::NonZeroUsize,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::{Buf, Bytes, BytesMut};
use http::{
    HeaderMap, Version,
    header::{CONTENT_LENGTH, TRANSFER_ENCODING},
};
use http_body::{Body as _, Frame, SizeHint};
use peristyle_core::{BoxError, BoxFuture, Control, ExecutionId, handover::SocketOffer};

use crate::{
    Body,
    activity::{Activity, Offered, Ongoing},
    answering::{Answered, closes, offers_body},
    causes::Causes,
    lease::Ends,
    pieces::Pieces,
};

/// What goes to the connection at once. Larger, and a slow reader holds more; smaller, and a fast one costs more calls of the
/// system.
const PIECE: usize = 128 * 1024;

/// Values up to this size are copied together: each on its own costs the connection a chunk, or a frame, and the system a buffer.
const SMALL: usize = 1024;
/// Of values that were copied together, no more than one value above it.
const TOGETHER: usize = 16 * 1024;
/// Values that are copied together before other tasks get their turn.
const AT_ONCE: usize = 512;
/// Values that go with a large one.
const OTHERS: usize = 7;
/// What goes at once to a client that has taken [`TAKEN`] already. Calls of the system are most of what large values cost, and a
/// client that never reads is held to a piece all the same.
const MUCH: usize = 320 * 1024;
const TAKEN: u64 = 1024 * 1024;

/// A response's body, which is as long as declared or fails, and holds back its failure until all before it has been written.
///
/// A connection is cut off the moment a body fails. What the body yielded just before may still lie in a buffer then, and
/// the client would lose it.
pub(crate) struct Outgoing {
    body: Body,
    /// Of the execution that made the response.
    id: ExecutionId,
    failure: Option<Box<(BoxError, BoxFuture<'static, ()>)>>,
    ongoing: Ongoing,
    /// What is left of the declared length. A connection may drop a body that has sent it all, without asking for its end.
    left: Option<u64>,
    /// What the body yielded and the connection does not have yet.
    rest: Bytes,
    /// What the body yielded after that: trailers, or an error.
    ahead: Option<Box<Result<Frame<Bytes>, BoxError>>>,
    /// The body was polled to its end.
    ended: bool,
    /// The body has not had to wait since it last yielded a frame.
    flows: bool,
    /// The last turn of the connection in which the body had to wait.
    waits: Option<NonZeroUsize>,
    course: Course,
}

/// Which way the body goes.
enum Course {
    Connection,
    Offered(Box<Offer>),
    /// It has left.
    Socket,
}

/// A body that can write itself to the socket, once the head is written.
struct Offer {
    offer: SocketOffer,
    control: Option<Control>,
    ends: Ends,
}

impl Offer {
    /// Of a response that the connection sends as it is, in chunks or until its end.
    fn of(answered: &Answered, version: Version, ongoing: &Ongoing) -> Option<Box<Self>> {
        let response = &answered.response;
        let framed = |name| response.headers().contains_key(name);
        if version > Version::HTTP_11
            || !offers_body(response)
            || !ongoing.activity().hands_over()
            || framed(CONTENT_LENGTH)
            || framed(TRANSFER_ENCODING)
        {
            return None;
        }
        let ends = match version {
            Version::HTTP_11 if answered.closes || closes(response.headers()) => Ends::Closed,
            Version::HTTP_11 => Ends::KeptAlive,
            _ => Ends::WithResponse,
        };
        Some(Box::new(Self {
            offer: *response.extensions().get()?,
            control: response.extensions().get().cloned(),
            ends,
        }))
    }
}

impl Outgoing {
    /// The response to a request of this version, with its body as the connection sends it, unless the body can have the socket.
    pub(crate) fn respond_over(
        version: Version,
        answered: Answered,
        ongoing: Ongoing,
    ) -> http::Response<Self> {
        let offer = Offer::of(&answered, version, &ongoing);
        let mut response = Self::respond(answered, ongoing);
        if let Some(offer) = offer {
            response.body_mut().course = Course::Offered(offer);
        }
        response
    }

    /// The response with its body as it is sent.
    pub(crate) fn respond(answered: Answered, mut ongoing: Ongoing) -> http::Response<Self> {
        let Answered {
            response,
            id,
            declared,
            ..
        } = answered;
        let (head, body) = response.into_parts();
        let control = head.extensions.get::<Control>().cloned();
        ongoing.answered(head.status, control);
        http::Response::from_parts(head, Self::new(body, declared, id, ongoing))
    }

    fn new(body: Body, declared: Option<u64>, id: ExecutionId, ongoing: Ongoing) -> Self {
        let mut outgoing = Self {
            ended: body.is_end_stream(),
            body,
            id,
            failure: None,
            ongoing,
            left: declared,
            rest: Bytes::new(),
            ahead: None,
            flows: false,
            waits: None,
            course: Course::Connection,
        };
        if outgoing.is_complete() {
            outgoing.ongoing.complete();
        }
        outgoing
    }

    /// All of a body that is one piece, and as long as declared: most are, and there is nothing to look ahead for.
    fn take_whole(&mut self) -> Option<Bytes> {
        if self.ended || !matches!(self.course, Course::Connection) {
            return None;
        }
        let length = self.body.whole()?.len();
        if length > PIECE || self.left.is_some_and(|left| left != length as u64) {
            return None;
        }
        let whole = mem::take(&mut self.body).into_whole()?;
        self.ended = true;
        self.left = None;
        self.ongoing.asked();
        self.ongoing.sent(length as u64);
        self.ongoing.complete();
        Some(whole)
    }

    /// The next frame, of which the connection holds one at a time: what a client that reads slowly, or not at all, was sent can
    /// then be told. A value that had to be waited for goes alone: mostly no other comes with it.
    fn poll_piece(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Option<Frame<Pieces>>, BoxError>> {
        let flowed = mem::replace(&mut self.flows, true);
        let Some(first) = ready!(self.poll_cut(cx))? else {
            return Poll::Ready(Ok(None));
        };
        let first = match first.into_data() {
            Ok(first) => first,
            Err(trailers) => return Poll::Ready(Ok(Some(trailers.map_data(Pieces::from)))),
        };
        let pieces = match flowed && self.ongoing.is_connected() {
            true if is_small(&first) => self.gather_small(first, cx).into(),
            true if !self.ongoing.is_multiplexed() => self.gather(first, cx),
            _ => first.into(),
        };
        Poll::Ready(Ok(Some(Frame::data(pieces))))
    }

    /// The next frame, cut where it is longer than a piece.
    fn poll_cut(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Frame<Bytes>>, BoxError>> {
        if !self.rest.is_empty() {
            let piece = self.rest.split_to(PIECE.min(self.rest.len()));
            return Poll::Ready(Ok(Some(Frame::data(piece))));
        }
        // Most streams declare no length, and are asked often: that is short.
        let frame = match (&self.left, &self.ahead) {
            (None, None) => self.poll_body(cx),
            _ => self.poll_counted(cx),
        };
        self.flows = frame.is_ready();
        let Some(frame) = ready!(frame)? else {
            return Poll::Ready(Ok(None));
        };
        if frame.data_ref().is_none_or(|data| data.len() <= PIECE) {
            return Poll::Ready(Ok(Some(frame)));
        }
        Poll::Ready(Ok(Some(frame.map_data(|mut data| {
            self.rest = data.split_off(PIECE);
            data
        }))))
    }

    /// A small value and those that are ready with it, copied together.
    fn gather_small(&mut self, first: Bytes, cx: &mut Context<'_>) -> Bytes {
        let Some(second) = self.next_ready(cx, SMALL) else {
            return first;
        };
        let mut together = BytesMut::with_capacity(TOGETHER + SMALL);
        together.extend_from_slice(&first);
        together.extend_from_slice(&second);
        for _ in 2..AT_ONCE {
            if together.len() >= TOGETHER {
                break;
            }
            let Some(data) = self.next_ready(cx, SMALL) else {
                break;
            };
            together.extend_from_slice(&data);
        }
        together.freeze()
    }

    /// A value and those that are ready with it, as long as they are a piece together and few. No other is asked for that would
    /// hardly fit: it would have to be held.
    fn gather(&mut self, first: Bytes, cx: &mut Context<'_>) -> Pieces {
        let most = if self.ongoing.bytes() < TAKEN {
            PIECE
        } else {
            MUCH
        };
        let mut room = most - first.len();
        let mut longest = first.len();
        let mut others = Vec::new();
        while others.len() < OTHERS && room >= longest && self.rest.is_empty() {
            let Some(data) = self.next_ready(cx, room) else {
                break;
            };
            room -= data.len();
            longest = longest.max(data.len());
            if !data.is_empty() {
                others.push(data);
            }
        }
        Pieces::new(first, others)
    }

    /// The next value, if it is ready and no longer than this. Whatever else the body yields is kept for when it is asked again.
    fn next_ready(&mut self, cx: &mut Context<'_>, longest: usize) -> Option<Bytes> {
        match self.poll_counted(cx) {
            Poll::Ready(Ok(Some(frame))) => match frame.into_data() {
                Ok(data) if data.len() <= longest => return Some(data),
                Ok(data) => self.rest = data,
                Err(trailers) => self.ahead = Some(Box::new(Ok(trailers))),
            },
            Poll::Ready(Err(error)) => self.ahead = Some(Box::new(Err(error))),
            Poll::Ready(Ok(None)) => {}
            Poll::Pending => self.flows = false,
        }
        None
    }

    /// The connection has the head, and will have nothing else: the body waits for the socket.
    fn leaves(&mut self) {
        if let Course::Offered(offer) = mem::replace(&mut self.course, Course::Socket) {
            self.leave(*offer);
        }
    }

    fn leave(&mut self, offer: Offer) {
        if let Some(lifeline) = self.ongoing.leave() {
            let body = mem::take(&mut self.body);
            self.ongoing.activity().offer(Offered {
                offer: offer.offer,
                body,
                control: offer.control,
                ends: offer.ends,
                lifeline,
            });
        }
    }

    /// What else goes on on its connection.
    pub(crate) fn activity(&self) -> &Activity {
        self.ongoing.activity()
    }

    /// Whether nothing before its end says how long it is.
    pub(crate) fn is_of_unknown_length(&self) -> bool {
        !self.is_end_stream() && self.size_hint().exact().is_none()
    }

    /// A connection does not ask for the end of a body that has sent all that was declared, nor for one of which nothing was.
    fn is_complete(&self) -> bool {
        let fails = matches!(self.ahead.as_deref(), Some(Err(_)));
        let declared = self.left == Some(0) && self.rest.is_empty() && !fails;
        declared || self.is_end_stream()
    }

    /// The next frame, counted.
    fn poll_counted(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Option<Frame<Bytes>>, BoxError>> {
        if let Some(ahead) = self.ahead.take() {
            return Poll::Ready(ahead.map(Some));
        }
        let Some(frame) = ready!(self.poll_body(cx))? else {
            let missing = self.left.filter(|&left| left > 0);
            return Poll::Ready(missing.map_or(Ok(None), |missing| Err(TooShort(missing).into())));
        };
        let length = length(&frame);
        let Some(left) = self.left else {
            return Poll::Ready(Ok(Some(frame)));
        };
        let left = left.checked_sub(length).ok_or(TooLong)?;
        self.left = Some(left);
        if left == 0 && length > 0 {
            self.look_ahead(cx)?;
        }
        Poll::Ready(Ok(Some(frame)))
    }

    /// A response of declared length is complete with its last byte, and the connection may not ask the body for more. What
    /// the body says at once is known before that byte is sent; the byte does not wait for what the body says later.
    fn look_ahead(&mut self, cx: &mut Context<'_>) -> Result<(), BoxError> {
        while self.ahead.is_none() && !self.ended {
            match self.poll_body(cx)? {
                Poll::Ready(Some(frame)) if length(&frame) > 0 => return Err(TooLong.into()),
                Poll::Ready(Some(frame)) => {
                    let trailers = Some(frame).filter(Frame::is_trailers);
                    self.ahead = trailers.map(|trailers| Box::new(Ok(trailers)));
                }
                Poll::Ready(None) | Poll::Pending => return Ok(()),
            }
        }
        Ok(())
    }

    #[inline]
    fn poll_body(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Frame<Bytes>>, BoxError>> {
        if self.ended {
            return Poll::Ready(Ok(None));
        }
        // hyper asks once more than there are frames. A body that was woken since has its connection's next turn.
        let turn = self.ongoing.activity().turn();
        if turn.is_some() && turn == self.waits {
            return Poll::Pending;
        }
        let Poll::Ready(frame) = Pin::new(&mut self.body).poll_frame(cx) else {
            self.waits = turn;
            return Poll::Pending;
        };
        self.ended = frame.is_none() || self.body.has_ended();
        Poll::Ready(frame.transpose())
    }
}

fn is_small(data: &Bytes) -> bool {
    data.len() <= SMALL
}

fn length(frame: &Frame<impl Buf>) -> u64 {
    frame.data_ref().map_or(0, |data| data.remaining() as u64)
}

/// The length that a head declares.
pub(crate) fn declared(headers: &HeaderMap) -> Option<u64> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// A body that ended this many bytes before its declared length.
#[derive(Debug)]
struct TooShort(u64);

impl fmt::Display for TooShort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "the body ended {} bytes before its declared length",
            self.0
        )
    }
}

impl error::Error for TooShort {}

/// A body that went on after its declared length.
#[derive(Debug)]
struct TooLong;

impl fmt::Display for TooLong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the body is longer than its declared length")
    }
}

impl error::Error for TooLong {}

impl http_body::Body for Outgoing {
    type Data = Pieces;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Pieces>, BoxError>>> {
        let this = &mut *self;
        if !matches!(this.course, Course::Connection) {
            this.leaves();
            return Poll::Pending;
        }
        if let Some(whole) = this.take_whole() {
            return Poll::Ready(Some(Ok(Frame::data(whole.into()))));
        }
        if this.failure.is_none() {
            this.ongoing.asked();
            match ready!(this.poll_piece(cx)) {
                Ok(frame) => {
                    if let Some(frame) = &frame {
                        this.ongoing.sent(length(frame));
                    }
                    if frame.is_none() || this.is_complete() {
                        this.ongoing.complete();
                    }
                    return Poll::Ready(frame.map(Ok));
                }
                Err(error) => {
                    let (id, causes) = (&this.id, Causes(&*error));
                    tracing::error!(%id, error = %causes, "a response is cut off");
                    this.failure = Some(Box::new((error, this.ongoing.next_flush())));
                }
            }
        }
        if let Some(failure) = &mut this.failure {
            ready!(failure.1.as_mut().poll(cx));
            this.ongoing.abort();
        }
        Poll::Ready(this.failure.take().map(|failure| Err(failure.0)))
    }

    fn is_end_stream(&self) -> bool {
        let whole = self.left.is_none_or(|left| left == 0);
        let nothing_held = self.rest.is_empty() && self.ahead.is_none();
        self.ended && whole && nothing_held && self.failure.is_none()
    }

    /// Asked for before anything was polled, when nothing is held.
    fn size_hint(&self) -> SizeHint {
        self.left
            .map_or_else(|| self.body.size_hint(), SizeHint::with_exact)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use tokio_test::{assert_pending, assert_ready, assert_ready_eq, task};

    use super::*;
    use crate::{Exit, activity::Activity, wire::Protocol};

    struct Broken;

    impl http_body::Body for Broken {
        type Data = Bytes;
        type Error = BoxError;

        fn poll_frame(
            self: Pin<&mut Self>,
            _: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
            Poll::Ready(Some(Err("broken".into())))
        }
    }

    fn broken(activity: &Activity) -> Outgoing {
        let id = ExecutionId::next();
        Outgoing::new(Body::new(Broken), None, id, activity.begin().0)
    }

    /// What flushes may have written all before, and would then never be polled again.
    #[test]
    fn a_failure_wakes_the_connection_and_waits_for_its_next_flush() {
        let activity = Activity::of_connection(Protocol::Http1);
        let mut connection = task::spawn(());
        connection.enter(|cx, _| activity.flushes(cx.waker()));
        activity.flushed();
        let mut body = task::spawn(broken(&activity));
        assert_pending!(body.enter(|cx, body| body.poll_frame(cx)));
        assert!(connection.is_woken());
        assert!(!body.is_woken());
        activity.flushed();
        assert!(body.is_woken());
        let failed = body.enter(|cx, body| body.poll_frame(cx));
        let error = assert_ready!(failed).unwrap().unwrap_err();
        assert_eq!(error.to_string(), "broken");
    }

    #[test]
    fn a_failure_without_a_connection_comes_at_once() {
        let mut body = task::spawn(broken(&Activity::default()));
        let failed = body.enter(|cx, body| body.poll_frame(cx));
        assert!(assert_ready!(failed).unwrap().is_err());
    }

    #[test]
    fn a_large_piece_goes_in_parts_and_is_complete_with_the_last() {
        for declared in [None, Some(PIECE as u64 + 1)] {
            let whole = Bytes::from(vec![7; PIECE + 1]);
            let (ongoing, line) = Activity::default().begin();
            let id = ExecutionId::next();
            let mut body = task::spawn(Outgoing::new(whole.into(), declared, id, ongoing));
            let mut ended = task::spawn(line.watch());
            for length in [PIECE, 1] {
                assert!(!body.is_end_stream());
                assert_pending!(ended.poll());
                let frame = assert_ready!(body.enter(|cx, body| body.poll_frame(cx)));
                assert_eq!(
                    frame.unwrap().unwrap().into_data().unwrap().remaining(),
                    length
                );
            }
            assert!(body.is_end_stream());
            assert_ready_eq!(ended.poll(), Exit::Served);
        }
    }

    /// The connection then sends the end with the last bytes.
    #[test]
    fn a_stream_that_says_that_it_has_ended_is_complete_with_its_last_frame() {
        let (ongoing, line) = Activity::default().begin();
        let whole = Body::new(String::from("whole"));
        assert!(whole.whole().is_none());
        let mut body = task::spawn(Outgoing::new(whole, None, ExecutionId::next(), ongoing));
        assert!(!body.is_end_stream());
        assert!(assert_ready!(body.enter(|cx, body| body.poll_frame(cx))).is_some());
        assert!(body.is_end_stream());
        assert_ready_eq!(task::spawn(line.watch()).poll(), Exit::Served);
    }

    /// A body that gives this, one poll after the other.
    struct Gives(VecDeque<Poll<Option<Result<Bytes, BoxError>>>>);

    impl Gives {
        fn new(polls: impl IntoIterator<Item = Poll<Bytes>>) -> Self {
            let values = polls
                .into_iter()
                .map(|poll| poll.map(|value| Some(Ok(value))));
            Self(values.collect())
        }

        fn broken(mut self) -> Self {
            self.0.push_back(Poll::Ready(Some(Err("broken".into()))));
            self
        }
    }

    impl http_body::Body for Gives {
        type Data = Bytes;
        type Error = BoxError;

        fn poll_frame(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
            let given = self.0.pop_front().unwrap_or(Poll::Ready(None));
            given.map(|given| given.map(|value| value.map(Frame::data)))
        }
    }

    /// The frames that come of a body, and whether it fails after them.
    fn frames(gives: Gives, declared: Option<u64>, activity: &Activity) -> (Vec<Bytes>, bool) {
        let (ongoing, line) = activity.begin();
        let outgoing = Outgoing::new(Body::new(gives), declared, ExecutionId::next(), ongoing);
        let mut body = task::spawn(outgoing);
        let mut frames = Vec::new();
        loop {
            match body.enter(|cx, body| body.poll_frame(cx)) {
                Poll::Ready(Some(Ok(frame))) => {
                    let mut data = frame.into_data().unwrap();
                    frames.push(data.copy_to_bytes(data.remaining()));
                }
                Poll::Ready(Some(Err(_))) => {
                    assert_ready_eq!(task::spawn(line.watch()).poll(), Exit::Aborted);
                    return (frames, true);
                }
                Poll::Ready(None) => return (frames, false),
                Poll::Pending => activity.flushed(),
            }
        }
    }

    fn connected() -> Activity {
        Activity::of_connection(Protocol::Http1)
    }

    fn letters(letters: &'static str) -> impl Iterator<Item = Poll<Bytes>> {
        letters
            .split("")
            .filter(|it| !it.is_empty())
            .map(|letter| match letter {
                "-" => Poll::Pending,
                letter => Poll::Ready(Bytes::from_static(letter.as_bytes())),
            })
    }

    #[test]
    fn small_values_that_are_ready_with_another_go_together_and_what_was_waited_for_alone() {
        for (given, expected) in [
            ("abcd", vec!["a", "bcd"]),
            ("-a-b", vec!["a", "b"]),
            ("abc-de", vec!["a", "bc", "d", "e"]),
            ("ab-cdef", vec!["a", "b", "c", "def"]),
        ] {
            let (whole, fails) = frames(Gives::new(letters(given)), None, &connected());
            assert_eq!(whole, expected);
            assert!(!fails);
            let broken = Gives::new(letters(given)).broken();
            assert_eq!(frames(broken, None, &connected()), (whole, true));
        }
    }

    #[test]
    fn values_go_alone_where_there_is_no_connection() {
        let (alone, _) = frames(Gives::new(letters("abcd")), None, &Activity::default());
        assert_eq!(alone, ["a", "b", "c", "d"]);
    }

    #[test]
    fn values_that_go_together_before_one_too_many_are_not_taken_for_the_whole() {
        let (sent, fails) = frames(Gives::new(letters("abcde")), Some(4), &connected());
        assert_eq!(
            (sent, fails),
            (vec![Bytes::from("a"), Bytes::from("bc")], true)
        );
    }

    /// The lengths of the frames of values of these lengths, all ready. No byte is lost or moved.
    fn lengths(values: impl IntoIterator<Item = usize>) -> Vec<usize> {
        let values = values.into_iter().enumerate();
        let values: Vec<_> = values
            .map(|(at, length)| Bytes::from(vec![at.to_le_bytes()[0]; length]))
            .collect();
        let whole = values.concat();
        let gives = Gives::new(values.into_iter().map(Poll::Ready));
        let (frames, fails) = frames(gives, None, &connected());
        assert!(!fails && frames.concat() == whole);
        frames.iter().map(Bytes::len).collect()
    }

    #[test]
    fn what_goes_together_is_bounded() {
        const KIB: usize = 1024;
        assert_eq!(lengths([1000; 40]), [1000, 17_000, 17_000, 5000]);
        assert_eq!(lengths([1; 1024]), [1, AT_ONCE, 1023 - AT_ONCE]);
        assert_eq!(lengths([64 * KIB; 4]), [64, 128, 64].map(|it| it * KIB));
        assert_eq!(lengths([2 * KIB; 12]), [2, 16, 6].map(|it| it * KIB));
        // One that does not fit goes next.
        let uneven = lengths([KIB, KIB, 30 * KIB, 100 * KIB, 40 * KIB, 40 * KIB]);
        assert_eq!(uneven, [1, 1, 30, 100, 80].map(|it| it * KIB));
        assert_eq!(
            lengths([1, 1, 500 * KIB]),
            [1, 1, PIECE, PIECE, PIECE, 116 * KIB]
        );
    }

    #[test]
    fn who_has_taken_much_gets_more_at_once() {
        const VALUE: usize = 64 * 1024;
        // The first alone, then two at a time up to a mebibyte, then five.
        let expected = [vec![1], vec![2; 8], vec![5; 3], vec![2]].concat();
        let expected: Vec<_> = expected.into_iter().map(|values| values * VALUE).collect();
        assert_eq!(lengths([VALUE; 34]), expected);
    }
}
