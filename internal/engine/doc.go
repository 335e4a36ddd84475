// Package engine holds what both ends of a connection do with messages: it
// scans and writes envelopes, compares ids, and orders what goes out.
//
// It knows neither sockets nor HTTP, and builds for js.
package engine
