package transport

import (
	"hash/maphash"
	"sync/atomic"

	"github.com/zapsocket/zapsocket/procedure"
)

// names are those that have been called of late, which need not be checked and
// copied for each call. What has the same place in the table takes it over. The
// zero names is ready.
type names [256]atomic.Pointer[string]

var nameSeed = maphash.MakeSeed()

// of returns path as a string, and whether it is the name of a procedure.
func (n *names) of(path []byte) (name string, ok bool) {
	place := &n[maphash.Bytes(nameSeed, path)%uint64(len(n))]
	if known := place.Load(); known != nil && *known == string(path) {
		return *known, true
	}
	name = string(path)
	if procedure.CheckName(name) != nil {
		return name, false
	}
	kept := name
	place.Store(&kept)
	return name, true
}
