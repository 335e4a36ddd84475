package transport

import (
	"hash/maphash"
	"math/rand/v2"
	"sync/atomic"

	"github.com/zapsocket/zapsocket/procedure"
)

// names are those that have been called of late, which need not be checked and
// copied for each call. Each has two places in the table and comes into either, by
// chance, so that two that are called often end in different ones. The zero names
// is ready.
type names [512]atomic.Pointer[string]

var nameSeed = maphash.MakeSeed()

// of returns path as a string, and whether it is the name of a procedure.
func (n *names) of(path []byte) (name string, ok bool) {
	sum := maphash.Bytes(nameSeed, path)
	first, second := &n[sum%uint64(len(n))], &n[sum>>32%uint64(len(n))]
	for _, place := range [...]*atomic.Pointer[string]{first, second} {
		if known := place.Load(); known != nil && *known == string(path) {
			return *known, true
		}
	}
	name = string(path)
	if procedure.CheckName(name) != nil {
		return name, false
	}
	kept := name
	if rand.Uint32()%2 == 0 {
		first = second
	}
	first.Store(&kept)
	return name, true
}
