package transport

import (
	"bufio"
	"context"
	"errors"
	"net"
	"net/http"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/gorilla/websocket"

	"github.com/rollcall/rollcall"
)

const (
	// readBuffer is what gorilla reads a frame's head into: a larger one would
	// be held by every idle socket. Bytes beyond it go straight to the frame.
	readBuffer = 512
	// parkedReadBuffer is the same for a socket that parks: the least that the
	// library takes. What lies in it was read before, by somebody else.
	parkedReadBuffer = 1
	// writeBuffer is lent to a socket while it writes.
	writeBuffer = 2 << 10
	// maxUserAgent is how much of a client's name for itself is kept, in bytes.
	maxUserAgent = 256
	// retryAfter is what a client is told that comes to a full server, in seconds.
	retryAfter = "5"
)

// upgrader accepts any origin: nothing that a browser adds by itself, like a
// cookie, lets a client in, so a foreign page can do no more than its user.
func upgrader(readBuffer int) *websocket.Upgrader {
	return &websocket.Upgrader{
		ReadBufferSize:  readBuffer,
		WriteBufferSize: writeBuffer,
		WriteBufferPool: &sync.Pool{},
		CheckOrigin:     func(*http.Request) bool { return true },
		Error: func(w http.ResponseWriter, _ *http.Request, status int, reason error) {
			fail(w, status, reason.Error())
		},
	}
}

// connect upgrades a request for a WebSocket. A refusal that a client should
// see as a close code needs the upgrade first.
func (s *Server) connect(w http.ResponseWriter, r *http.Request) {
	if status, why := badHandshake(r); status != 0 {
		w.Header().Set("Upgrade", "websocket")
		w.Header().Set("Sec-WebSocket-Version", "13")
		w.Header().Set("Connection", "close") // else net/http waits for a body that may never come
		fail(w, status, why)
		return
	}
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		host = r.RemoteAddr
	}
	if !s.sockets.reserve(host) {
		w.Header().Set("Retry-After", retryAfter)
		fail(w, http.StatusServiceUnavailable, "Too many connections.")
		return
	}
	socket := newSocket(host, &s.sockets.budget, s.config.Logger)
	conn, err := s.upgrader.Upgrade(&hijacker{w, &socket.wire, s.lot}, r, nil)
	if err != nil { // it was answered, or had said something before its answer and is closed
		s.sockets.release(host)
		return
	}
	conn.SetReadLimit(s.config.MaxMessage)
	socket.conn = conn
	request := rollcall.Connect{
		Socket:    socket,
		Address:   r.RemoteAddr,
		UserAgent: clean(r.UserAgent()),
	}
	query := r.URL.RawQuery
	s.sockets.add(socket)
	go s.serve(socket, request, query) // not here: the handler's buffers and stack would stay
}

// hijacker puts our wire between the library and the connection, and the
// connection into the lot, if there is one.
type hijacker struct {
	http.ResponseWriter
	wire *wire
	lot  lot
}

// Hijack implements [http.Hijacker].
func (h *hijacker) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, buffers, err := http.NewResponseController(h.ResponseWriter).Hijack()
	h.wire.Conn = conn
	if err == nil && h.lot != nil {
		if parkable, ok := h.lot.adopt(conn); ok {
			h.wire.Conn = parkable
		}
	}
	return h.wire, buffers, err
}

// badHandshake finds what RFC 6455 section 4.2.1 forbids, and gorilla accepts
// or answers less precisely. It returns 0 if there is nothing.
func badHandshake(r *http.Request) (status int, why string) {
	switch {
	case r.Method != http.MethodGet, !r.ProtoAtLeast(1, 1),
		!hasToken(r.Header, "Connection", "upgrade"), !hasToken(r.Header, "Upgrade", "websocket"):
		return http.StatusUpgradeRequired, "This is a WebSocket; it needs an upgrade."
	case r.Header.Get("Sec-Websocket-Version") != "13":
		return http.StatusUpgradeRequired, "Only WebSocket version 13 is spoken here."
	case len(r.Header["Sec-Websocket-Key"]) != 1:
		return http.StatusBadRequest, "One Sec-WebSocket-Key is needed."
	case r.ContentLength != 0 || len(r.TransferEncoding) > 0:
		return http.StatusBadRequest, "A handshake has no body."
	}
	return 0, ""
}

// hasToken looks for a token in a header that is a list of them.
func hasToken(h http.Header, name, token string) bool {
	for _, line := range h[name] {
		for item := range strings.SplitSeq(line, ",") {
			if strings.EqualFold(strings.TrimSpace(item), token) {
				return true
			}
		}
	}
	return false
}

// clean makes a client's own words fit to be stored: valid UTF-8 without NUL,
// and short.
func clean(s string) string {
	s = strings.ToValidUTF8(strings.ReplaceAll(s, "\x00", ""), "\uFFFD")
	if len(s) <= maxUserAgent {
		return s
	}
	cut := maxUserAgent
	for !utf8.RuneStart(s[cut]) {
		cut--
	}
	return s[:cut]
}

// serve is the life of one socket.
func (s *Server) serve(socket *socket, request rollcall.Connect, query string) {
	parked := false
	defer func() {
		if crashed := socket.survive(recover()); crashed || !parked {
			s.farewell(socket)
		}
	}()
	goodbye := false
	if session, err := s.admit(request, query); err != nil {
		socket.Close(refusal(err))
		s.config.Logger.Debug("connect refused", "address", request.Address, "close", refusal(err).Error())
	} else {
		socket.admitted(session)
		if parked = s.park(socket); parked {
			return
		}
		r := &reader{socket: socket, terms: &s.terms}
		goodbye = r.read()
	}
	socket.finishReading(goodbye)
}

// farewell forgets a socket, whoever has read it to its end.
func (s *Server) farewell(socket *socket) {
	socket.closeAccount()
	s.sockets.remove(socket)
}

// admit asks presence to let a socket in.
func (s *Server) admit(request rollcall.Connect, query string) (rollcall.Session, error) {
	email, err := rollcall.ParseEmail(emailOf(query))
	if err != nil {
		return nil, err
	}
	request.Email = email
	ctx, cancel := context.WithTimeout(context.Background(), s.config.ConnectTimeout)
	defer cancel()
	return s.config.Presence.Admit(ctx, request)
}

// refusal is what a client is told when it is not admitted.
func refusal(err error) rollcall.Close {
	if c, ok := errors.AsType[rollcall.Close](err); ok {
		return c
	}
	return rollcall.CloseInternalError
}
