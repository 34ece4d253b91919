// Package transport is the sockets and the HTTP around them. It is the only
// importer of gorilla/websocket, and knows neither actors nor tables: it asks a
// [rollcall.Presence] who is here, and a [rollcall.Tokens] who may ask.
package transport

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"github.com/gorilla/websocket"

	"github.com/rollcall/rollcall"
)

const (
	// headTimeout is how long a client may take to send a request's head,
	// handshakes included; then the connection is closed.
	headTimeout = 10 * time.Second
	// requestTimeout is the same for a whole request. Only the API reads a body, in
	// a time of its own.
	requestTimeout = 15 * time.Second
	// answerTimeout bounds the writing of the list, and shortAnswerTimeout that of
	// any other answer: whoever does not read is cut off.
	answerTimeout      = 60 * time.Second
	shortAnswerTimeout = 10 * time.Second
	// idleTimeout closes a kept-alive connection that asks nothing more.
	idleTimeout = 2 * time.Minute
	// maxHead is the size of a request's head; a larger one is answered 431.
	maxHead = 32 << 10
)

// Config is what a server needs. Of the parts of presence behind the API each may
// be nil; whoever needs it is then answered 503, or without what it knows.
type Config struct {
	Presence rollcall.Presence
	Watching rollcall.Watching
	Reaching rollcall.Reaching
	History  rollcall.History
	Tokens   rollcall.Tokens
	Logger   *slog.Logger
	Node     string // the name of this server, told to whoever may see the list
	FoldCase bool   // e-mails that differ in the case of A to Z are the same user's

	MaxMessage               int64         // bytes of one message; a larger one closes with 1009
	MaxMessageRate           int           // messages a second from one socket; 0 is no limit
	MaxConnections           int           // sockets; the next one is answered 503
	MaxConnectionsPerAddress int           // the same from one address; 0 is no limit
	MaxWatchers              int           // streams beside them; the next one is answered 503
	PingInterval             time.Duration // silence before a ping
	PongTimeout              time.Duration // silence after it before the session ends
	ConnectTimeout           time.Duration // how long a connect may wait for its commit
	Reader                   Reader        // default auto
}

// Server serves the sockets, the REST query, the API and the page.
type Server struct {
	config   Config
	sockets  *sockets
	tokens   *tokenCache
	editions *editions
	visitors *visitors
	watchers *watchers
	written  *stretches
	archive  *archive
	page     http.Handler
	http     *http.Server
	upgrader *websocket.Upgrader
	terms    terms
	lot      lot // where sockets wait; nil if each has a goroutine
	stop     context.CancelFunc
	draining atomic.Bool
}

// New makes a server and starts its clock. Close ends both.
func New(c Config) *Server {
	ctx, stop := context.WithCancel(context.Background())
	s := &Server{
		config:   c,
		sockets:  newSockets(c.MaxConnections, c.MaxConnectionsPerAddress),
		tokens:   newTokenCache(c.Tokens),
		editions: newEditions(c.Presence, c.Logger),
		watchers: newWatchers(c.MaxWatchers),
		written:  newStretches(),
		archive:  newArchive(c.History),
		page:     page(),
		stop:     stop,
	}
	if c.Reader != ReaderGoroutine {
		s.lot = newLot(c.Logger)
	}
	s.terms = terms{limit: c.MaxMessage, rate: c.MaxMessageRate, farewell: s.farewell}
	if s.upgrader = upgrader(readBuffer); s.lot != nil {
		s.upgrader = upgrader(parkedReadBuffer)
	}
	s.visitors = newVisitors(s.sockets)
	s.http = &http.Server{
		Handler:           s.visitors.answering(s.Handler()),
		ConnContext:       s.visitors.enter,
		ConnState:         s.visitors.changed,
		ReadHeaderTimeout: headTimeout,
		ReadTimeout:       requestTimeout,
		WriteTimeout:      answerTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHead,
		ErrorLog:          slog.NewLogLogger(c.Logger.Handler(), slog.LevelDebug),
	}
	go s.sockets.heartbeat(ctx, s.lot, c.PingInterval, c.PongTimeout)
	return s
}

// Handler is every route. Paths are taken as they are: one that is not in its
// canonical form is another path, and not redirected.
func (s *Server) Handler() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		path := strings.TrimSuffix(r.URL.Path, "/")
		if path != activePath { // nothing else is long
			_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(shortAnswerTimeout))
		}
		switch {
		case path == "/ws/connect":
			s.connect(w, r)
		case path == activePath:
			s.activeConnections(w, r)
		case path == "/livez":
			s.livez(w, r)
		case path == "/readyz":
			s.readyz(w, r)
		case path == apiPath, strings.HasPrefix(path, apiPath+"/"):
			s.api(w, r)
		default:
			s.page.ServeHTTP(w, r)
		}
	})
}

// Serve accepts connections until Shutdown. It always returns an error that is
// not nil, and [http.ErrServerClosed] after Shutdown.
func (s *Server) Serve(l net.Listener) error { return s.http.Serve(l) }

// Shutdown stops accepting, ends the streams, which would never end by themselves,
// and waits for the requests that are being answered. Sockets stay: their sessions
// close them.
//
// It does not go on listening in order to say that it is not ready. A connection
// that the kernel refuses is the answer that balancers and clients understand at
// once, costs the least in a storm, and leaves the port to the next server.
func (s *Server) Shutdown(ctx context.Context) error {
	s.draining.Store(true)
	s.watchers.end()
	if err := s.http.Shutdown(ctx); err != nil {
		return errors.Join(fmt.Errorf("waiting for requests to be answered: %w", err), s.http.Close())
	}
	return nil
}

// Wait waits until every socket is closed.
func (s *Server) Wait(ctx context.Context) error {
	if err := s.sockets.wait(ctx); err != nil {
		return fmt.Errorf("waiting for sockets to close: %w", err)
	}
	return nil
}

// Close ends everything at once, sockets included.
func (s *Server) Close() {
	s.stop()
	s.watchers.end()
	_ = s.http.Close()
	for _, one := range s.sockets.all() {
		one.Close(rollcall.CloseGoingAway)
		_ = one.conn.Close()
	}
	if s.lot != nil {
		s.lot.close()
	}
}
