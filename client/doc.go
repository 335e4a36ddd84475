// Package client calls the procedures of a server over one connection, which
// it opens anew when it is lost.
//
//	c, err := client.Dial(ctx, "ws://127.0.0.1:4000/rpc", nil)
//	...
//	defer c.Close()
//	rooms, err := roomapi.Find.Call(ctx, c, roomapi.FindIn{Text: "go"})
//
// A [Client] is a [procedure.Handler]: the contracts call it, middleware wraps
// it, and a router mounts it, which makes a gateway.
//
// The server may be one of ours or any other that speaks tRPC v11 over
// WebSocket. Between two ends of ours a cancelled call ends its handler's
// context, deadlines and metadata travel, and a loop over a stream that does
// not keep up slows the server's procedure down. Other servers ignore the
// first three; of their streams the client keeps 4,096 items or 16 MiB for a
// slow loop and then ends it with [ErrSlow].
//
// # When the connection is lost
//
// The client reconnects for as long as it is not closed, with exponential
// back-off and full jitter. Meanwhile
//
//   - subscriptions wait and are resumed after the last ID they have seen;
//     what that promises is up to the procedure (docs/subscriptions.md),
//   - queries wait and are asked again, three times in all,
//   - mutations fail with SERVICE_UNAVAILABLE and [ErrConnectionLost]: they
//     may or may not have been carried out,
//   - new calls wait, 1,024 of them unless [Options] say otherwise.
//
// A server that does not accept the credentials ends all that waits with its
// error; the client goes on trying. A server that drains has the client open
// the next connection before it leaves the old one: calls in flight finish
// where they are, and subscriptions move without a gap.
//
// # Errors
//
// The error of a call is a *[procedure.Error], whoever made it. errors.Is finds
// its code and, for what the client itself fails, the reason: one of the
// variables below, or that of the context. A deadline is known to both ends,
// so test for the code TIMEOUT and not for context.DeadlineExceeded.
//
// # Concurrency and order
//
// All methods may be called concurrently, also from the loop over a stream and
// from the callbacks of Options, at any depth. Items of a stream arrive in
// order. A loop that is slow delays nothing else.
package client
