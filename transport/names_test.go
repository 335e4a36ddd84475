package transport

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Names are told from what is none, whatever was asked for before, and one that
// comes again costs no copy.
func TestNames(t *testing.T) {
	var n names
	for range 2 {
		for i := range 2_000 { // more than have a place
			for path, want := range map[string]bool{
				fmt.Sprintf("room.find%d", i): true,
				fmt.Sprintf("%d", i):          false,
				fmt.Sprintf("a..%d", i):       false,
			} {
				name, ok := n.of([]byte(path))
				require.Equal(t, path, name)
				require.Equal(t, want, ok, path)
			}
		}
	}
	for _, path := range []string{"", ".", "then", strings.Repeat("x", 129)} {
		_, ok := n.of([]byte(path))
		require.False(t, ok, path)
	}
	path := []byte("room.find")
	kept, _ := n.of(path)
	require.Zero(t, testing.AllocsPerRun(100, func() { n.of(path) }))
	copy(path, "moor")
	require.Equal(t, "room.find", kept, "the path is not kept")
}
