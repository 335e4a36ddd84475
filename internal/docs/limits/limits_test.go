package limits

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/zapsocket/zapsocket/client"
	"github.com/zapsocket/zapsocket/internal/docs/roomapi"
	"github.com/zapsocket/zapsocket/procedure"
	"github.com/zapsocket/zapsocket/router"
	"github.com/zapsocket/zapsocket/rpctest"
	"github.com/zapsocket/zapsocket/transport"
	"github.com/zapsocket/zapsocket/wire"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func upload(t *testing.T, o *transport.ServerOptions, own procedure.Options, size int) error {
	svc := new(service)
	r := router.New()
	if own.MaxInput != 0 {
		register(r, svc)
	} else {
		r.Handle(roomapi.Upload.Func(svc.upload))
	}
	c := rpctest.NewServer(t, r, o).Client(&client.Options{Limits: wire.Limits{Input: 16 << 20}})
	_, err := roomapi.Upload.Call(t.Context(), c, roomapi.UploadIn{ID: "7", Picture: make([]byte, size)})
	if err == nil {
		require.Equal(t, size, svc.size)
	}
	return err
}

// A picture is a third larger in JSON.
func TestInputs(t *testing.T) {
	const mega = 1 << 20
	require.ErrorIs(t, upload(t, nil, procedure.Options{}, mega), procedure.CodePayloadTooLarge)
	require.NoError(t, upload(t, options, procedure.Options{}, mega))
	require.NoError(t, upload(t, nil, procedure.Options{MaxInput: 3 * mega}, mega))
	require.ErrorIs(t, upload(t, nil, procedure.Options{MaxInput: 3 * mega}, 5*mega/2), procedure.CodePayloadTooLarge)
}

func TestBehindProxy(t *testing.T) {
	s := transport.NewServer(router.New(), behindProxy)
	for _, tt := range []struct {
		host, origin string
		forbidden    bool
	}{
		{"rpc.example.com", "https://app.example.com", false},
		{"rpc.example.com", "https://evil.example.com", true},
		{"10.0.0.7", "https://app.example.com", true},
	} {
		req := httptest.NewRequest(http.MethodGet, "http://"+tt.host+"/", nil)
		req.Header.Set("Connection", "Upgrade")
		req.Header.Set("Upgrade", "websocket")
		req.Header.Set("Sec-WebSocket-Version", "13")
		req.Header.Set("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==")
		req.Header.Set("Origin", tt.origin)
		w := httptest.NewRecorder()
		s.ServeHTTP(w, req)
		require.Equal(t, tt.forbidden, w.Code == http.StatusForbidden, tt) // a recorder cannot be upgraded
	}
}
