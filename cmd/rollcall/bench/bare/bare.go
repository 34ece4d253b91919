// Package bare is the server that Rollcall is measured against: gorilla/websocket
// tuned as well as we know how, which greets and replies with the same JSON as
// Rollcall does, and keeps no presence and no database. What Rollcall costs is
// the difference.
package bare

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/pprof"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gorilla/websocket"

	"github.com/rollcall/rollcall"
)

const (
	// The buffers are small, because every idle socket would hold a large one,
	// and the write buffer is only lent.
	readBuffer  = 512
	writeBuffer = 2 << 10
	// headTimeout is how long a client may take to send a request's head.
	headTimeout = 10 * time.Second
	// maxMessage ends a socket whose message is longer, as Rollcall does.
	maxMessage = 1 << 20
	// maxList is the longest list that may be asked for; who asks for more gets "ok".
	maxList = 64 << 20
)

var upgrader = websocket.Upgrader{
	ReadBufferSize:  readBuffer,
	WriteBufferSize: writeBuffer,
	WriteBufferPool: &sync.Pool{},
	CheckOrigin:     func(*http.Request) bool { return true },
}

// Serve serves until the context ends. It says on out, as the first line, where.
func Serve(ctx context.Context, out io.Writer) error {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("listen for the bare server: %w", err)
	}
	fmt.Fprintf(out, "msg=serving address=%s\n", l.Addr())
	server := &http.Server{Handler: handler(), ReadHeaderTimeout: headTimeout}
	stop := context.AfterFunc(ctx, func() { _ = server.Close() }) // the process ends
	defer stop()
	if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve: %w", err)
	}
	return nil
}

// handler answers where Rollcall does: a socket, and something short for the
// list. The same port has the profiles, which costs nothing while nobody asks.
func handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/ws/connect/", connect)
	mux.HandleFunc("/debug/pprof/", pprof.Index)
	mux.Handle("/", new(list))
	return mux
}

// list answers "ok"; or as many bytes as it is asked for with ?bytes=, which are
// shared by all who ask for as many. The second tells what it takes to send a list,
// whoever has made it.
type list struct{ kept atomic.Pointer[[]byte] }

func (l *list) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body := []byte("ok")
	if size, err := strconv.Atoi(r.URL.Query().Get("bytes")); err == nil && size > 0 && size <= maxList {
		kept := l.kept.Load()
		if kept == nil || len(*kept) != size {
			made := bytes.Repeat([]byte{'x'}, size)
			kept = &made
			l.kept.Store(kept)
		}
		body = *kept
	}
	w.Header().Set("ETag", `"ok"`)
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	_, _ = w.Write(body) // whoever asked may be gone
}

func connect(w http.ResponseWriter, r *http.Request) {
	conn, err := upgrader.Upgrade(w, r, nil)
	if err != nil {
		return // it was answered
	}
	conn.SetReadLimit(maxMessage)
	go serve(conn, rollcall.Email(r.URL.Query().Get("email"))) // not here: the handler's buffers and stack would stay
}

// messages are read into buffers that the sockets share.
var messages = sync.Pool{New: func() any { return new(bytes.Buffer) }}

func serve(conn *websocket.Conn, email rollcall.Email) {
	defer func() { _ = conn.Close() }()
	if conn.WriteMessage(websocket.TextMessage, rollcall.Greeting(email)) != nil {
		return
	}
	for {
		kind, from, err := conn.NextReader()
		if err != nil {
			return // gorilla has answered a goodbye
		}
		message := messages.Get().(*bytes.Buffer)
		message.Reset()
		if _, err = message.ReadFrom(from); err == nil {
			err = conn.WriteMessage(kind, rollcall.Reply(email, message.Bytes()))
		}
		messages.Put(message)
		if err != nil {
			return
		}
	}
}
