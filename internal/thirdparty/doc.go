// Package thirdparty has no code: its tests mount a transport.Server in other
// people's HTTP routers. It is a module of its own, so that those routers stay
// out of the go.mod of whoever uses zapsocket.
package thirdparty
