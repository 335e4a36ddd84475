package server

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/zapsocket/zapsocket/client"
	"github.com/zapsocket/zapsocket/examples/chat/chatapi"
	"github.com/zapsocket/zapsocket/procedure"
	"github.com/zapsocket/zapsocket/rpctest"
)

// A name is kept for who was cut off, and let go by who leaves.
func TestNamesAreHeld(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := start(t, Options{})
		mallory := func() error {
			c := s.Client(&client.Options{Params: map[string]string{"name": "ada", "token": "mallory's own secret"}})
			defer synctest.Wait() // until it has left
			defer c.Close()
			_, err := chatapi.Me.Call(t.Context(), c, none)
			return err
		}
		cutOff := as("ada")
		cutOff.Backoff = func(int) time.Duration { return 24 * time.Hour }
		s.Client(cutOff)
		phone := s.Client(as("ada"))
		synctest.Wait()
		time.Sleep(time.Hour)
		require.ErrorIs(t, mallory(), procedure.CodeUnauthorized, "it is in use")
		phone.Close()
		synctest.Wait()
		require.ErrorIs(t, mallory(), procedure.CodeUnauthorized, "it still is")

		s.Inject(rpctest.Cut)
		synctest.Wait()
		time.Sleep(hold - 1)
		require.ErrorIs(t, mallory(), procedure.CodeUnauthorized, "ada may come back")
		_, err := chatapi.Me.Call(t.Context(), s.Client(cutOff), none)
		require.NoError(t, err, "as now")

		s.Inject(rpctest.Cut)
		synctest.Wait()
		time.Sleep(hold)
		require.NoError(t, mallory(), "ada has not come back")
		require.NoError(t, mallory(), "mallory has left")
		_, err = chatapi.Me.Call(t.Context(), s.Client(as("ada")), none)
		require.NoError(t, err, "and ada is first again")
	})
}

// Who leaves on one connection while the next one is on its way, signed in but
// not let in yet, keeps the name.
func TestNamesAreNotLetGoTooSoon(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, service := startService(t, Options{})
		ada := s.Client(as("ada"))
		_, err := chatapi.Me.Call(t.Context(), ada, none)
		require.NoError(t, err)
		_, err = service.names.claim(t.Context(), credentials{"ada", as("ada").Params["token"]})
		require.NoError(t, err)
		ada.Close()
		synctest.Wait()
		_, err = service.names.claim(t.Context(), credentials{"ada", "mallory's own secret"})
		require.ErrorIs(t, err, procedure.CodeUnauthorized)
	})
}
