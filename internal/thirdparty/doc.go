// Package thirdparty mounts a transport.Server in other people's HTTP routers,
// in tests, and holds the code of docs/ that needs modules of others. It is a
// module of its own, so that those stay out of the go.mod of whoever uses
// zapsocket.
package thirdparty
