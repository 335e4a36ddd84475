package client_test

import (
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/zapsocket/zapsocket/client"
	"github.com/zapsocket/zapsocket/procedure"
	"github.com/zapsocket/zapsocket/wire"
)

const hello procedure.Query[struct{}, string] = "hello"

// A client whose calls do not wait is connected when it is there.
func TestNewIsOpen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		near, far := wire.Pipe()
		c := client.New(near, &client.Options{MaxWaiting: -1})
		defer c.Close()
		require.Equal(t, client.StatusOpen, c.State().Status)
		go func() { // ends when the frame is read
			far.Read(t.Context())
			far.Write(t.Context(), []byte(`{"id":1,"result":{"data":"hello"}}`))
		}()
		got, err := hello.Call(t.Context(), c, struct{}{})
		require.NoError(t, err)
		require.Equal(t, "hello", got)
	})
}
