// Package transport serves procedures over WebSocket connections, in the
// protocol of tRPC v11 (docs/protocol.md).
//
//	hub := transport.NewHub()
//	r := router.New()
//	r.Handle(roomapi.Find.Func(find), roomapi.Alert.From(hub))
//	http.Handle("/rpc", transport.NewServer(r, &transport.ServerOptions{Hub: hub}))
//
// A [Server] is an http.Handler for any mux. [ListenAndServe] is for those who
// have none, and ends in an orderly way; docs/deployment.md has what stands in
// front. [Server.ServeConn] serves connections that did not come by HTTP.
//
// # Errors
//
// What a procedure returns is told to its caller if it is a [procedure.Error]
// or a [procedure.Code]. The text of anything else, and every panic, goes to
// ServerOptions.Logger, and the caller reads INTERNAL_SERVER_ERROR. What breaks a
// rule or a limit of a connection closes that with a code of package wire, and
// ServerOptions.OnError hears of it.
//
// # Concurrency and order
//
// The calls of a connection run concurrently, 64 at a time unless the limits
// say otherwise, and are answered in the order in which they finish. Each
// subscription has a goroutine; its items arrive in the order of its sends,
// and none after the subscriber has stopped it. A handler's context ends when
// the caller cancels, its deadline passes, it returns, or the connection ends.
//
// # Connections
//
// A [Conn] is one client's; a [Hub] knows them all, and pushes to everyone, to
// the members of a [Room], to a user or to one connection. The hooks of
// [ServerOptions] see connections come, end and fail (docs/connections.md).
//
// # Slow readers
//
// What is to be sent to a connection waits in its own queue. While that is
// full, answers and stream items wait with their call, or are dropped as the
// stream's policy says; other connections are not affected. A peer that takes
// nothing for ten seconds is disconnected.
package transport
