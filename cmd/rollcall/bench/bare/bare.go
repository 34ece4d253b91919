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
	"sync"
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
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("ETag", `"ok"`)
		_, _ = io.WriteString(w, "ok")
	})
	return mux
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
