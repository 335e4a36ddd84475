// Package pubsub has topics: what is published to one reaches all who
// subscribe, and is held for a while so that they can resume.
//
//	ticks := pubsub.NewTopic[roomapi.Tick](nil)
//	r.Handle(roomapi.Ticks.From(ticks))
//	...
//	err := ticks.Publish(ctx, roomapi.Tick{N: 1})
//
// A topic is one log in memory. Each item is encoded once, gets a position,
// and is shared by all subscribers, who read it at their own pace: a
// subscriber is a place in the log, and has no buffer and no goroutine of its
// own.
//
// # What is promised
//
//   - Order. All subscribers see the items in one order. What one goroutine
//     publishes is in its order, and what was published before a call of
//     Publish began comes before that call's item.
//   - Delivery. A subscriber gets every item from its start to its end once,
//     without a gap. Its start is the moment before it is told Started or, if
//     it resumes, the position it names.
//   - Loss is told. A subscriber that wants what the topic no longer holds,
//     because it was away too long or reads too slowly, ends with a
//     *[procedure.Gap]. A position of another topic, or of the time before a
//     restart, is a gap too.
//   - Publishers never wait for subscribers, nor subscribers for each other.
//
// The procedure's Overflow comes after that. By default a subscription blocks
// when the transport holds enough of its items, and the topic waits for it
// without cost. Under a policy that drops, the transport drops, and tells how
// many with the next item.
//
// What is published is checked against its validate tags first, as outputs are.
//
// A topic is not stored: its items, and the positions in them, end with the
// process. All methods may be called concurrently. docs/subscriptions.md has
// more.
package pubsub
