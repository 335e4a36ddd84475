package middleware

import (
	"context"
	"errors"
	"log/slog"
	"runtime"
	"sync/atomic"
	"time"

	"github.com/zapsocket/zapsocket/procedure"
)

// Logger writes one record, "rpc", for each call or stream when it ends. Its
// level is Info for success and for a caller who left, Warn for errors whose
// code has an HTTP status below 500, Error for the others. Its attributes are
//
//	procedure  the name
//	kind       query, mutation or subscription
//	conn       the connection's ID, if there is one
//	user       the user's ID, if it is known where Logger stands
//	code       "OK", or the error's
//	duration
//	bytesIn    of the input as it is encoded, 0 if it stays in the process
//	bytesOut   of the answer or the items, the same
//	items      sent, of a subscription
//	logId      that the caller was told, if any
//	error      in full with its causes, if it failed
//
// Of an error that the caller must not read Logger logs the text, and returns
// it sealed under that logId, so that nobody logs it again. Other errors it
// returns unchanged. A panic or runtime.Goexit passes and is logged as an
// INTERNAL_SERVER_ERROR without details; put [Recover] inside for those.
//
// Logger serves a client as well:
//
//	c := procedure.Chain(client, middleware.Logger(log))
//
// An error that came from the server is logged under the code and logId it came
// with, at Error for a code that is none of tRPC's, and returned as it is. The
// logId is the one in the server's log. Bytes are counted as they are sent and
// received, and the duration has the way there and back.
//
// What the records of a caller's successes have in common, the first five
// attributes, the handler is told by WithAttrs once that caller has called a few
// times, so that it is formatted once. Logger remembers up to 4096 such handlers.
//
// If log is nil, records go to what slog.Default returns when Logger is called.
// The source of a record is where that was.
func Logger(log *slog.Logger) procedure.Middleware {
	if log == nil {
		log = slog.Default()
	}
	var place [1]uintptr
	runtime.Callers(2, place[:])
	l := &logger{log, newPreparedTable(log.Handler()), place[0]}
	return func(next procedure.Handler) procedure.Handler {
		return procedure.HandlerFunc(func(ctx context.Context, req *procedure.Request, reply procedure.Reply) error {
			c := &logged{logger: l, ctx: ctx, req: req, reply: reply, start: time.Now()}
			returned := false
			defer func() {
				if !returned { // without recover, so that the stack stays whole for whoever does
					c.write(outcome{slog.LevelError, procedure.CodeInternalServerError, ""}, errUnreturned)
				}
			}()
			err := next.ServeRPC(ctx, c.request(), c.count)
			returned = true
			return c.end(err)
		})
	}
}

// errUnreturned is all that a deferred function knows without recovering.
var errUnreturned = errors.New("handler did not return: panic or runtime.Goexit")

// A logger is what the calls of a Logger have in common.
type logger struct {
	log      *slog.Logger
	prepared *preparedTable
	place    uintptr // in the source
}

// A logged is a call on the way to its record.
type logged struct {
	*logger
	ctx   context.Context
	req   *procedure.Request
	reply procedure.Reply
	start time.Time

	// Replies may run concurrently.
	bytesIn  atomic.Int64
	bytesOut atomic.Int64
	items    atomic.Int64
	refused  atomic.Pointer[error] // what the last reply that failed returned
}

// codeOK is what the record of a success has in place of an error's code.
const codeOK procedure.Code = "OK"

// An outcome is what the record says about the end of a call.
type outcome struct {
	level slog.Level
	code  procedure.Code
	logID string
}

// request returns the request to go on with.
func (c *logged) request() *procedure.Request {
	if size := c.req.Input.Size(); size > 0 || c.req.Input.Absent() {
		c.bytesIn.Store(int64(size))
		return c.req
	}
	sent := *c.req // a client encodes its input
	sent.Input = sent.Input.CountTo(&c.bytesIn)
	return &sent
}

// count passes on a reply. What has bytes has come over the wire, or is encoded
// for many; nobody encodes it again.
func (c *logged) count(m procedure.Message) error {
	size := m.Body.Size()
	if size == 0 {
		m.Body = m.Body.CountTo(&c.bytesOut)
	}
	err := c.reply(m)
	if err == nil {
		c.bytesOut.Add(int64(size))
	}
	switch {
	case err != nil:
		refused := err // or err itself would be on the heap
		c.refused.Store(&refused)
	case m.Type == procedure.TypeData && c.req.Kind == procedure.KindSubscription:
		c.items.Add(1)
	}
	return err
}

// end writes the record and returns the error to go on with.
func (c *logged) end(err error) error {
	if err == nil {
		c.write(outcome{slog.LevelInfo, codeOK, ""}, nil)
		return nil
	}
	if code, left := c.left(err); left {
		c.write(outcome{slog.LevelInfo, code, ""}, err)
		return err
	}
	e, fresh := procedure.Outgoing(err)
	if fresh {
		switch {
		case received(err):
			e, fresh = procedure.AsError(err), false
		case !explicit(err) && errors.Is(c.ctx.Err(), context.DeadlineExceeded):
			// What fails for want of time says so in many ways. A transport
			// answers TIMEOUT, and so does a Timeout outside of Logger.
			e, fresh = &procedure.Error{Code: procedure.CodeTimeout}, false
		case !c.log.Enabled(c.ctx, slog.LevelError):
			return err // somebody else has to log it
		}
	}
	c.write(outcome{level(e.Code), e.Code, e.LogID}, err)
	if fresh {
		return e
	}
	return err
}

// left reports whether err only says that the caller is gone, and with what
// code: a subscription whose context has ended, or any call whose context has
// ended and whose handler returns what its reply failed with.
func (c *logged) left(err error) (procedure.Code, bool) {
	if c.ctx.Err() == nil {
		return "", false
	}
	if refused := c.refused.Load(); refused != nil && errors.Is(err, *refused) {
		return procedure.CodeClientClosedRequest, true
	}
	if c.req.Kind != procedure.KindSubscription {
		return "", false
	}
	code := procedure.AsError(err).Code
	return code, code == procedure.CodeClientClosedRequest ||
		errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)
}

// received reports whether err came from another server: Relay changes those
// and no others.
func received(err error) bool {
	var e, relayed *procedure.Error
	return errors.As(err, &e) && errors.As(procedure.Relay(err), &relayed) && e != relayed
}

// level returns the level of an error's record.
func level(code procedure.Code) slog.Level {
	switch {
	case code == procedure.CodeClientClosedRequest:
		return slog.LevelInfo
	case code.HTTPStatus() < 500:
		return slog.LevelWarn
	}
	return slog.LevelError
}

// write writes the record. The handler of log quotes what the caller chose.
func (c *logged) write(o outcome, err error) {
	if !c.log.Enabled(c.ctx, o.level) {
		return
	}
	took := time.Since(c.start)
	r := slog.NewRecord(c.start.Add(took), o.level, "rpc", c.place)
	who := callerOf(c.ctx, c.req)
	var handler slog.Handler
	if o.code == codeOK {
		handler = c.prepared.handler(&who)
	}
	if handler == nil {
		handler = c.log.Handler()
		var room [5]slog.Attr
		r.AddAttrs(append(who.appendTo(room[:0]), slog.String("code", string(o.code)))...)
	}
	var room [6]slog.Attr
	attrs := append(room[:0],
		slog.Duration("duration", took),
		slog.Int64("bytesIn", c.bytesIn.Load()),
		slog.Int64("bytesOut", c.bytesOut.Load()))
	if c.req.Kind == procedure.KindSubscription {
		attrs = append(attrs, slog.Int64("items", c.items.Load()))
	}
	if o.logID != "" {
		attrs = append(attrs, slog.String("logId", o.logID))
	}
	if err != nil {
		attrs = append(attrs, slog.String("error", err.Error()))
	}
	r.AddAttrs(attrs...)
	handler.Handle(c.ctx, r) // a logger has no use for its error either
}
