//go:build unix

package main

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const sample = `# Sample

Make a module:

'''sh
mkdir rooms && cd rooms # a comment
# only a comment
go mod init example.com/rooms
'''

## The server

'server/main.go' is like 'client/main.go' or 'server/other.go':

'''go
package main
'''

No file:

'''go
a := 1
'''

## Run it

'''sh
go run ./server
'''

and in another terminal:

'''sh
go run ./client
'''

'''
tick 1
'''
`

func TestSteps(t *testing.T) {
	found, err := steps(strings.ReplaceAll(sample, "'", "`"))
	require.NoError(t, err)
	require.Len(t, found, 6)
	require.Equal(t, []string{"mkdir rooms && cd rooms", "go mod init example.com/rooms"}, found[0].commands())
	require.Equal(t, 5, found[0].line)
	require.Equal(t, "server/other.go", found[1].file)
	require.Equal(t, "package main\n", found[1].text)
	require.Equal(t, "The server", found[1].section)
	require.Empty(t, found[2].file)
	for i, s := range found {
		require.Equal(t, i == 3, s.inBackground(), i)
	}
	require.Equal(t, "tick 1\n", found[5].text)
	require.Empty(t, found[5].info)

	_, err = steps("text\n```go\na := 1\n")
	require.EqualError(t, err, "line 2: the block is not closed")
	require.ErrorContains(t, new(program).paste(step{info: "go"}), "nothing says which file")
}

func TestCompare(t *testing.T) {
	const page = "ada has created gophers\nthe server says: new room: gophers\ntick 1\n"
	require.NoError(t, compare(page, "ada has created gophers\ntick 1\nthe server says: new room: gophers\n"))
	require.NoError(t, compare(page, "ada has created gophers\ntick 1\n"))
	require.Error(t, compare(page, "ada has created gophers\n"))
	require.Error(t, compare(page, "tick 1\nada has created gophers\n"))
	require.Error(t, compare(page, ""))
}

// A module below another one is no part of it.
func TestWithin(t *testing.T) {
	nested := map[string]bool{"bench": true, "examples/jwt": true}
	for file, want := range map[string]bool{
		"go.mod": false, "bench/go.mod": true, "bench/cmd/main.go": true, "benchmark/x.go": false,
		"examples/jwt/noteapi/api.go": true, "examples/quickstart/main.go": false,
	} {
		require.Equal(t, want, within(file, nested), file)
	}
}

// A shell goes where the last command has gone, and stops at the first that
// fails.
func TestShell(t *testing.T) {
	s := &shell{dir: t.TempDir()}
	_, err := s.run("mkdir a && cd a")
	require.NoError(t, err)
	out, err := s.run("basename $PWD")
	require.NoError(t, err)
	require.Equal(t, "a\n", out)
	_, err = s.run("false | true")
	require.ErrorContains(t, err, "false | true: exit status 1")
}
