package main

import (
	"bytes"
	"errors"
	"log/slog"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/zapsocket/zapsocket/client"
	"github.com/zapsocket/zapsocket/examples/jwt/noteapi"
	"github.com/zapsocket/zapsocket/procedure"
	"github.com/zapsocket/zapsocket/rpctest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var (
	key   = []byte("a key of thirty-two bytes, or so")
	quiet = slog.New(slog.DiscardHandler)
	none  struct{}
)

func TestTranscript(t *testing.T) {
	var out bytes.Buffer
	require.NoError(t, run(t.Context(), &out))
	require.Equal(t, `Without a token
  motd: "Welcome", <nil>
  note.add: 0, UNAUTHORIZED: sign in first
  note.purge: 0, UNAUTHORIZED: sign in first
With a token
  motd: "Welcome back, ann", <nil>
  note.add: 1, <nil>
  note.purge: 0, FORBIDDEN: ann is no editor
With an editor's token
  motd: "Welcome back, ed", <nil>
  note.add: 1, <nil>
  note.purge: 2, <nil>
With an old token
  motd: "Welcome", <nil>
  note.add: 0, UNAUTHORIZED: the token has expired
  note.purge: 0, UNAUTHORIZED: the token has expired
`, out.String())
}

// In the process there is no connection, and thus no token: a test says who
// calls.
func TestInProcess(t *testing.T) {
	r := newRouter(key, quiet)
	_, err := noteapi.List.Call(t.Context(), r, none)
	require.ErrorIs(t, err, procedure.CodeUnauthorized)

	ann := procedure.WithIdentity(t.Context(), procedure.Identity{UserID: "ann", Principal: &Claims{}})
	n, err := noteapi.Add.Call(ann, r, noteapi.AddIn{Text: "milk"})
	require.NoError(t, err)
	require.Equal(t, 1, n)
	_, err = noteapi.Purge.Call(ann, r, none)
	require.ErrorIs(t, err, procedure.CodeForbidden)

	ed := procedure.WithIdentity(t.Context(), procedure.Identity{UserID: "ed", Principal: &Claims{Role: "editor"}})
	n, err = noteapi.Purge.Call(ed, r, none)
	require.NoError(t, err)
	require.Equal(t, 1, n)
}

// connect returns a client of a server of newRouter.
func connect(t *testing.T, token string) *client.Client {
	return rpctest.NewServer(t, newRouter(key, quiet), nil).Client(&client.Options{
		Header: http.Header{"Authorization": {"Bearer " + token}},
	})
}

func TestOverTheWire(t *testing.T) {
	token, err := issue(key, "ann", "", time.Hour)
	require.NoError(t, err)
	c := connect(t, token)
	for _, text := range []string{"milk", "bread"} {
		_, err = noteapi.Add.Call(t.Context(), c, noteapi.AddIn{Text: text})
		require.NoError(t, err)
	}
	notes, err := noteapi.List.Call(t.Context(), c, none)
	require.NoError(t, err)
	require.Equal(t, []string{"milk", "bread"}, notes)
	var seen []string
	for note, err := range noteapi.Watch.Subscribe(t.Context(), c, none) {
		require.NoError(t, err)
		seen = append(seen, note)
	}
	require.Equal(t, notes, seen)
}

func TestBadTokens(t *testing.T) {
	claims := func(change func(*Claims)) *Claims {
		c := &Claims{Role: "editor", RegisteredClaims: jwt.RegisteredClaims{
			Subject:   "mallory",
			Issuer:    issuer,
			Audience:  jwt.ClaimStrings{audience},
			ExpiresAt: jwt.NewNumericDate(time.Now().Add(time.Hour)),
		}}
		if change != nil {
			change(c)
		}
		return c
	}
	for name, test := range map[string]struct {
		method jwt.SigningMethod
		key    any
		change func(*Claims)
		says   string
	}{
		"good":             {jwt.SigningMethodHS256, key, nil, ""},
		"unsigned":         {jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, nil, "the token is not valid"},
		"another method":   {jwt.SigningMethodHS512, key, nil, "the token is not valid"},
		"another key":      {jwt.SigningMethodHS256, []byte("guessed"), nil, "the token is not valid"},
		"another issuer":   {jwt.SigningMethodHS256, key, func(c *Claims) { c.Issuer = "https://evil.example" }, "the token is not valid"},
		"another audience": {jwt.SigningMethodHS256, key, func(c *Claims) { c.Audience = jwt.ClaimStrings{"billing"} }, "the token is not valid"},
		"for ever":         {jwt.SigningMethodHS256, key, func(c *Claims) { c.ExpiresAt = nil }, "the token is not valid"},
		"not yet":          {jwt.SigningMethodHS256, key, func(c *Claims) { c.NotBefore = c.ExpiresAt }, "the token is not valid"},
		"nobody's":         {jwt.SigningMethodHS256, key, func(c *Claims) { c.Subject = "" }, "the token has no subject"},
		"old":              {jwt.SigningMethodHS256, key, func(c *Claims) { c.ExpiresAt = jwt.NewNumericDate(time.Now()) }, "the token has expired"},
	} {
		t.Run(name, func(t *testing.T) {
			token, err := jwt.NewWithClaims(test.method, claims(test.change)).SignedString(test.key)
			require.NoError(t, err)
			c := connect(t, token)
			_, err = noteapi.Purge.Call(t.Context(), c, none)
			if test.says == "" {
				require.NoError(t, err)
				return
			}
			var e *procedure.Error
			require.True(t, errors.As(err, &e))
			require.Equal(t, procedure.CodeUnauthorized, e.Code)
			require.Equal(t, test.says, e.Message, "and nothing of why")

			motd, err := noteapi.Motd.Call(t.Context(), c, none)
			require.NoError(t, err)
			require.Equal(t, "Welcome", motd)
		})
	}
}

// A token that expires does so on connections that are open, too.
func TestTokensExpire(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		token, err := issue(key, "ann", "", time.Hour)
		require.NoError(t, err)
		c := connect(t, token)
		_, err = noteapi.List.Call(t.Context(), c, none)
		require.NoError(t, err)
		time.Sleep(time.Hour)
		_, err = noteapi.List.Call(t.Context(), c, none)
		require.ErrorIs(t, err, procedure.CodeUnauthorized)
		require.ErrorContains(t, err, "the token has expired")
		motd, err := noteapi.Motd.Call(t.Context(), c, none)
		require.NoError(t, err)
		require.Equal(t, "Welcome", motd)
	})
}
