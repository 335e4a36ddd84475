// Package procedure defines what a server offers and what a client calls.
//
// A contract is a typed name. Both sides import the same constants:
//
//	const (
//		Find   procedure.Query[FindIn, []Room]        = "room.find"
//		Create procedure.Mutation[CreateIn, Room]     = "room.create"
//		Ticks  procedure.Subscription[TicksIn, Tick]  = "room.ticks"
//		Alert  procedure.Event[Notice]                = "alert"
//	)
//
// A server binds functions to contracts and hands them to a router:
//
//	r.Handle(roomapi.Find.Func(find), roomapi.Ticks.Func(ticks), roomapi.Alert.From(hub))
//
// Whoever holds a [Handler] calls them: a client, or the router itself.
//
//	rooms, err := roomapi.Find.Call(ctx, c, roomapi.FindIn{Text: "go"})
//	for tick, err := range roomapi.Ticks.Subscribe(ctx, c, in) { ... }
//
// # Inputs and outputs
//
// Inputs, outputs and stream items are plain Go values; struct{} stands for
// none. They cross the wire as JSON under the rules of encoding/json/v2: names
// match case-sensitively, duplicate members and invalid UTF-8 are refused, nil
// slices and maps are [] and {}, a time.Duration is a string such as "1m30s".
// Inputs are checked against their validate tags before the function runs,
// outputs and items that carry such tags before they leave; see [Validator].
//
// # Errors
//
// A function says what its caller is told by returning an [Error], which
// [Errorf] makes, or a bare [Code]. The text of any other error stays in the
// log: the caller reads INTERNAL_SERVER_ERROR. What a call returns is always
// an *Error, and errors.Is finds its code:
//
//	if errors.Is(err, procedure.CodeNotFound) { ... }
//
// # Who is calling
//
// The context of a function knows: [IdentityFrom] is the user, [PeerFrom] the
// connection, nil for a call in the process. It ends when the caller cancels,
// its deadline passes or its connection is gone. [Guard] checks permissions.
//
// # Order and concurrency
//
// Calls run concurrently and finish in any order. The items of one
// subscription arrive in the order in which they were sent. Contracts,
// procedures and handlers are safe for concurrent use, so the functions behind
// them are called concurrently.
//
// docs/procedures.md, docs/validation.md, docs/errors.md and
// docs/subscriptions.md tell all of it.
package procedure
