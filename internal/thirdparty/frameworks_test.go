package thirdparty

import (
	"compress/gzip"
	"context"
	"encoding/json"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/gin-gonic/gin"
	"github.com/go-chi/chi/v5"
	chimiddleware "github.com/go-chi/chi/v5/middleware"
	"github.com/labstack/echo/v4"
	echomiddleware "github.com/labstack/echo/v4/middleware"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/zapsocket/zapsocket/procedure"
	"github.com/zapsocket/zapsocket/router"
	"github.com/zapsocket/zapsocket/transport"
	"github.com/zapsocket/zapsocket/wire"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// frameworks mount rpc at /rpc behind the middleware that their users have:
// a log, a recovery and a compression, all of which wrap the response writer
// or have a say in it.
var frameworks = []struct {
	name  string
	mount func(rpc http.Handler) http.Handler
}{
	{"net/http", func(rpc http.Handler) http.Handler {
		mux := http.NewServeMux()
		mux.Handle("/rpc", logged(recovered(compressed(rpc))))
		return mux
	}},
	{"gin", func(rpc http.Handler) http.Handler {
		gin.SetMode(gin.ReleaseMode)
		engine := gin.New()
		engine.Use(gin.LoggerWithWriter(io.Discard), gin.RecoveryWithWriter(io.Discard), ginCompressed)
		engine.Any("/rpc", gin.WrapH(rpc))
		return engine
	}},
	{"echo", func(rpc http.Handler) http.Handler {
		e := echo.New()
		e.Use(
			echomiddleware.RequestLoggerWithConfig(echomiddleware.RequestLoggerConfig{
				LogStatus:     true,
				LogValuesFunc: func(echo.Context, echomiddleware.RequestLoggerValues) error { return nil },
			}),
			echomiddleware.Recover(),
			echomiddleware.BodyDump(func(echo.Context, []byte, []byte) {}),
			echomiddleware.Gzip(),
		)
		e.Any("/rpc", echo.WrapHandler(rpc))
		return e
	}},
	{"chi", func(rpc http.Handler) http.Handler {
		formatter := &chimiddleware.DefaultLogFormatter{Logger: log.New(io.Discard, "", 0), NoColor: true}
		r := chi.NewRouter()
		r.Use(
			chimiddleware.RequestID,
			chimiddleware.RequestLogger(formatter),
			chimiddleware.Recoverer,
			chimiddleware.Compress(5),
		)
		r.Handle("/rpc", rpc)
		return r
	}},
}

// positions are where a middleware of the test's own sits: with a writer that
// has nothing but Unwrap it is in front of the framework's writer.
var positions = []struct {
	name string
	wrap func(rpc http.Handler) http.Handler
}{
	{"framework's writer", func(rpc http.Handler) http.Handler { return rpc }},
	{"wrapper before framework's writer", logged},
}

func TestFrameworks(t *testing.T) {
	for _, framework := range frameworks {
		for _, position := range positions {
			t.Run(framework.name+"/"+position.name, func(t *testing.T) {
				s := start(t, func(rpc http.Handler) http.Handler { return framework.mount(position.wrap(rpc)) })
				t.Run("query", s.testQuery)
				t.Run("validation error", s.testValidation)
				t.Run("subscription", s.testSubscription)
				t.Run("context value", s.testContextValue)
				t.Run("ServeHTTP returns", s.testReturns)
				t.Run("close handshake", s.testClose)
				t.Run("server closes", s.testServerCloses)
				t.Run("no upgrade", s.testPlainGET)
			})
		}
	}
}

// Writers of frameworks may want Hijack of the very next writer. One around them
// that has only Unwrap is gone round.
func TestWrapperAroundFrameworks(t *testing.T) {
	for name, mount := range map[string]func(rpc http.Handler) http.Handler{
		"gin": func(rpc http.Handler) http.Handler {
			gin.SetMode(gin.ReleaseMode)
			engine := gin.New()
			engine.Any("/rpc", gin.WrapH(rpc))
			return engine
		},
		"echo": func(rpc http.Handler) http.Handler {
			e := echo.New()
			e.Any("/rpc", echo.WrapHandler(rpc))
			return e
		},
		"chi": func(rpc http.Handler) http.Handler {
			r := chi.NewRouter()
			r.Use(chimiddleware.Compress(5))
			r.Handle("/rpc", rpc)
			return r
		},
	} {
		t.Run(name, func(t *testing.T) {
			start(t, func(rpc http.Handler) http.Handler { return logged(mount(rpc)) }).testQuery(t)
		})
	}
}

// Gin's writer panics if there is no Hijack to be had. That is as any other
// connection that cannot be upgraded: it is not counted for ever.
func TestHijackPanics(t *testing.T) {
	gin.SetMode(gin.ReleaseMode)
	refused := make(chan error, 2)
	rpc := transport.NewServer(router.New(), &transport.ServerOptions{
		Limits:  wire.Limits{Conns: 1},
		OnError: func(_ context.Context, err error) { refused <- err },
	})
	engine := gin.New()
	engine.Any("/rpc", gin.WrapH(rpc))
	web := httptest.NewServer(http.TimeoutHandler(engine, time.Minute, ""))
	defer web.Close()
	for range 2 {
		_, _, err := websocket.Dial(t.Context(), web.URL+"/rpc", &websocket.DialOptions{HTTPClient: web.Client()})
		require.Error(t, err)
		select {
		case err := <-refused:
			require.ErrorAs(t, err, new(*runtime.TypeAssertionError), "what the outermost writer said")
		case <-time.After(5 * time.Second):
			t.Fatal("nobody is told")
		}
	}
}

// A writer that hides Hijack cannot be upgraded; the client learns it.
func TestHiddenHijack(t *testing.T) {
	s := start(t, func(rpc http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			rpc.ServeHTTP(struct{ http.ResponseWriter }{w}, r)
		})
	})
	_, res, err := websocket.Dial(t.Context(), s.url, &websocket.DialOptions{HTTPClient: s.http})
	require.Error(t, err)
	require.Equal(t, http.StatusInternalServerError, res.StatusCode)
}

// The procedures of the test.

type greetIn struct {
	Name string `json:"name" validate:"min=2"`
}

const (
	greet  procedure.Query[greetIn, string]             = "greet"
	tenant procedure.Query[struct{}, string]            = "tenant"
	ticks  procedure.Subscription[struct{}, int]        = "ticks"
	leave  procedure.Mutation[struct{}, map[string]int] = "leave"
)

type tenantKey struct{}

// A server is a transport.Server in a framework in an HTTP server.
type server struct {
	url      string // of the endpoint
	http     *http.Client
	returned chan int      // gets a value when the HTTP handler has returned
	stopped  chan struct{} // gets a value when a ticks subscription has ended
}

func start(t *testing.T, mount func(rpc http.Handler) http.Handler) *server {
	s := &server{returned: make(chan int, 16), stopped: make(chan struct{}, 16)}
	r := router.New()
	r.Handle(
		greet.Func(func(_ context.Context, in greetIn) (string, error) { return "hello " + in.Name, nil }),
		tenant.Func(func(ctx context.Context, _ struct{}) (string, error) {
			name, _ := ctx.Value(tenantKey{}).(string)
			return name, ctx.Err()
		}),
		ticks.Func(func(ctx context.Context, _ struct{}, out *procedure.Stream[int]) error {
			defer func() { s.stopped <- struct{}{} }()
			for n := 0; ; n++ {
				if err := out.Send(n); err != nil {
					return err
				}
				select {
				case <-ctx.Done():
					return ctx.Err()
				case <-time.After(time.Millisecond):
				}
			}
		}),
		leave.Func(func(ctx context.Context, _ struct{}) (map[string]int, error) {
			transport.ConnFrom(ctx).Close(4000, "as you wish")
			return nil, nil
		}),
	)
	rpc := transport.NewServer(r, nil)
	web := httptest.NewServer(s.observed(mount(rpc)))
	s.url = web.URL + "/rpc"
	s.http = web.Client()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		require.NoError(t, rpc.Shutdown(ctx))
		web.Close()
	})
	return s
}

// observed is the outermost middleware: it gives the request a value, ends the
// request's context when next has returned, as net/http does, and says so.
func (s *server) observed(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithCancel(context.WithValue(r.Context(), tenantKey{}, "acme"))
		next.ServeHTTP(w, r.WithContext(ctx))
		cancel()
		s.returned <- 1
	})
}

func (s *server) testQuery(t *testing.T) {
	c := s.dial(t)
	c.send(`{"id":1,"method":"query","params":{"path":"greet","input":{"name":"ada"}}}`)
	require.JSONEq(t, `{"id":1,"result":{"type":"data","data":"hello ada"}}`, c.next())
}

func (s *server) testValidation(t *testing.T) {
	c := s.dial(t)
	c.send(`{"id":1,"method":"query","params":{"path":"greet","input":{"name":"a"}}}`)
	var answer struct {
		ID    int
		Error struct {
			Code int
			Data struct {
				Code       string
				HTTPStatus int
				Path       string
				Fields     []struct{ Path, Rule, Param string }
			}
		}
	}
	require.NoError(t, json.Unmarshal([]byte(c.next()), &answer))
	require.Equal(t, 1, answer.ID)
	require.Equal(t, -32600, answer.Error.Code)
	require.Equal(t, "BAD_REQUEST", answer.Error.Data.Code)
	require.Equal(t, 400, answer.Error.Data.HTTPStatus)
	require.Equal(t, "greet", answer.Error.Data.Path)
	require.Len(t, answer.Error.Data.Fields, 1)
	require.Equal(t, struct{ Path, Rule, Param string }{"name", "min", "2"}, answer.Error.Data.Fields[0])
	c.send(`{"id":2,"method":"query","params":{"path":"greet","input":{"name":"ada"}}}`)
	require.JSONEq(t, `{"id":2,"result":{"type":"data","data":"hello ada"}}`, c.next(), "the socket goes on")
}

func (s *server) testSubscription(t *testing.T) {
	c := s.dial(t)
	c.send(`{"id":7,"method":"subscription","params":{"path":"ticks"}}`)
	require.JSONEq(t, `{"id":7,"result":{"type":"started"}}`, c.next())
	require.JSONEq(t, `{"id":7,"result":{"type":"data","data":0}}`, c.next())
	require.JSONEq(t, `{"id":7,"result":{"type":"data","data":1}}`, c.next())
	c.send(`{"id":7,"method":"subscription.stop"}`)
	const stopped = `{"id":7,"result":{"type":"stopped"}}`
	for frame := c.next(); frame != stopped; frame = c.next() {
		require.Contains(t, frame, `"type":"data"`)
	}
	wait(t, s.stopped, "the subscription's handler to end")
	c.send("PING")
	require.Equal(t, "PONG", c.next(), "nothing after stopped")
}

func (s *server) testContextValue(t *testing.T) {
	c := s.dial(t)
	wait(t, s.returned, "the HTTP handler to return") // its context has ended
	c.send(`{"id":1,"method":"query","params":{"path":"tenant"}}`)
	require.JSONEq(t, `{"id":1,"result":{"type":"data","data":"acme"}}`, c.next())
}

func (s *server) testReturns(t *testing.T) {
	c := s.dial(t)
	c.send(`{"id":1,"method":"subscription","params":{"path":"ticks"}}`)
	require.JSONEq(t, `{"id":1,"result":{"type":"started"}}`, c.next())
	wait(t, s.returned, "the HTTP handler to return")
	for range 20 {
		require.Contains(t, c.next(), `"type":"data"`)
	}
	select {
	case <-s.stopped:
		t.Fatal("the subscription ended with the HTTP handler")
	default:
	}
	require.NoError(t, c.ws.Close(websocket.StatusNormalClosure, ""))
	wait(t, s.stopped, "the subscription's handler to end with the connection")
}

func (s *server) testClose(t *testing.T) {
	c := s.dial(t)
	c.send(`{"id":1,"method":"query","params":{"path":"greet","input":{"name":"ada"}}}`)
	c.next()
	require.NoError(t, c.ws.Close(websocket.StatusNormalClosure, "bye"), "the close is answered")
}

func (s *server) testServerCloses(t *testing.T) {
	c := s.dial(t)
	c.send(`{"id":1,"method":"mutation","params":{"path":"leave"}}`)
	for {
		_, _, err := c.ws.Read(t.Context())
		if err == nil {
			continue // the answer, if it came first
		}
		require.Equal(t, websocket.StatusCode(4000), websocket.CloseStatus(err), err)
		require.ErrorContains(t, err, "as you wish")
		return
	}
}

func (s *server) testPlainGET(t *testing.T) {
	res, err := s.http.Get(s.url)
	require.NoError(t, err)
	defer res.Body.Close()
	require.Equal(t, http.StatusUpgradeRequired, res.StatusCode)
	_, err = io.ReadAll(res.Body)
	require.NoError(t, err)
}

// A client is one WebSocket connection that sends and receives text.
type client struct {
	t  *testing.T
	ws *websocket.Conn
}

func (s *server) dial(t *testing.T) *client {
	for len(s.returned) > 0 { // by connections of other tests
		<-s.returned
	}
	for len(s.stopped) > 0 {
		<-s.stopped
	}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	ws, res, err := websocket.Dial(ctx, s.url, &websocket.DialOptions{
		HTTPClient: s.http,
		HTTPHeader: http.Header{"Accept-Encoding": {"gzip"}}, // or compressions stand aside
	})
	require.NoError(t, err)
	require.Equal(t, http.StatusSwitchingProtocols, res.StatusCode)
	require.Empty(t, res.Header.Get("Content-Encoding"))
	t.Cleanup(func() { ws.CloseNow() })
	return &client{t, ws}
}

func (c *client) send(message string) {
	c.t.Helper()
	require.NoError(c.t, c.ws.Write(c.t.Context(), websocket.MessageText, []byte(message)))
}

func (c *client) next() string {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(c.t.Context(), 5*time.Second)
	defer cancel()
	_, message, err := c.ws.Read(ctx)
	require.NoError(c.t, err)
	return string(message)
}

func wait[T any](t *testing.T, happened <-chan T, what string) {
	t.Helper()
	select {
	case <-happened:
	case <-time.After(5 * time.Second):
		t.Fatalf("still waiting for %s", what)
	}
}

// Middleware as people write it: each hands a writer on that has Unwrap and no
// other optional method.

type statusWriter struct {
	http.ResponseWriter
	status int
}

func (w *statusWriter) WriteHeader(status int) {
	w.status = status
	w.ResponseWriter.WriteHeader(status)
}

func (w *statusWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

func logged(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		sw := &statusWriter{ResponseWriter: w}
		next.ServeHTTP(sw, r)
		log.New(io.Discard, "", 0).Printf("%s %s %d", r.Method, r.URL.Path, sw.status)
	})
}

func recovered(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			if recover() != nil {
				http.Error(w, "internal error", http.StatusInternalServerError)
			}
		}()
		next.ServeHTTP(w, r)
	})
}

// A gzipWriter compresses what is written, from the first byte on.
type gzipWriter struct {
	http.ResponseWriter
	zip *gzip.Writer
}

func (w *gzipWriter) Write(p []byte) (int, error) {
	if w.zip == nil {
		w.zip = gzip.NewWriter(w.ResponseWriter)
	}
	return w.zip.Write(p)
}

func (w *gzipWriter) WriteHeader(status int) {
	if status != http.StatusSwitchingProtocols {
		w.Header().Set("Content-Encoding", "gzip")
		w.Header().Del("Content-Length")
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *gzipWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

func (w *gzipWriter) close() {
	if w.zip != nil {
		w.zip.Close()
	}
}

func compressed(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
			next.ServeHTTP(w, r)
			return
		}
		zw := &gzipWriter{ResponseWriter: w}
		defer zw.close()
		next.ServeHTTP(zw, r)
	})
}

// A ginGzipWriter is what gin's compressions put in the place of its writer.
type ginGzipWriter struct {
	gin.ResponseWriter
	zip *gzipWriter
}

func (w *ginGzipWriter) Write(p []byte) (int, error)       { return w.zip.Write(p) }
func (w *ginGzipWriter) WriteString(s string) (int, error) { return w.zip.Write([]byte(s)) }
func (w *ginGzipWriter) WriteHeader(status int)            { w.zip.WriteHeader(status) }

func ginCompressed(c *gin.Context) {
	if strings.Contains(c.GetHeader("Accept-Encoding"), "gzip") {
		zip := &gzipWriter{ResponseWriter: c.Writer}
		defer zip.close()
		c.Writer = &ginGzipWriter{c.Writer, zip}
	}
	c.Next()
}
