package webhook

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/rollcall/rollcall"
)

const (
	// postTimeout is how long a post may take, the reading of its answer included. One
	// that has no status by then counts as refused, and is posted again; behind the
	// status what is missing of the answer costs the connection.
	postTimeout = 10 * time.Second
	// connectTimeout is how much of that may go by before there is a connection.
	connectTimeout = 5 * time.Second
	// maxAnswer is how much of an answer is read, so that its connection may be used
	// again. A longer one costs the connection; only the status is looked at.
	maxAnswer = 4 << 10
	// maxHeader is how long the head of an answer may be. A longer one is a refusal.
	maxHeader = 16 << 10
	// mostPatience bounds the pause that a receiver may ask for. Whoever asks for a
	// longer one is tried once in so long: what waits is given up after a day.
	mostPatience = time.Hour
)

// refusal is an answer that accepts nothing.
type refusal struct {
	status int
	pause  time.Duration // that was asked for; 0 if none was
}

// Error implements error.
func (r refusal) Error() string { return fmt.Sprintf("the answer is %d", r.status) }

// newRefusal reads when to come again, which RFC 9110 section 10.2.3 and RFC 6585
// section 4 say with these two.
func newRefusal(a *http.Response) refusal {
	r := refusal{status: a.StatusCode}
	if r.status != http.StatusTooManyRequests && r.status != http.StatusServiceUnavailable {
		return r
	}
	after := a.Header.Get("Retry-After")
	if at, err := http.ParseTime(after); err == nil {
		r.pause = time.Until(at)
	} else if seconds, err := strconv.ParseUint(after, 10, 64); err == nil || errors.Is(err, strconv.ErrRange) {
		r.pause = time.Duration(min(seconds, uint64(mostPatience/time.Second))) * time.Second
	}
	r.pause = min(max(r.pause, 0), mostPatience)
	return r
}

// receiver is who is told.
type receiver struct {
	url     *url.URL
	secrets Secrets
	client  *http.Client
}

func newReceiver(to *url.URL, secrets Secrets, through http.RoundTripper) receiver {
	return receiver{url: to, secrets: secrets, client: &http.Client{
		Transport: through,
		// Whoever the redirect leads to was not meant: it would be given names, and a
		// signature that holds for minutes.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// newTransport keeps one connection to the receiver open.
func newTransport() *http.Transport {
	return &http.Transport{
		Proxy:                  http.ProxyFromEnvironment,
		DialContext:            (&net.Dialer{Timeout: connectTimeout}).DialContext,
		TLSHandshakeTimeout:    connectTimeout,
		MaxIdleConnsPerHost:    1,
		IdleConnTimeout:        time.Minute,
		MaxResponseHeaderBytes: maxHeader,
		DisableCompression:     true, // an answer that is not read need not be small
		ForceAttemptHTTP2:      true,
	}
}

// post tells the notices, and fails unless they were accepted, with a refusal if
// somebody has said so. Of the URL its errors name the host at the most: the rest may
// hold a secret of its own.
func (r receiver) post(ctx context.Context, notices []rollcall.Notice) error {
	ctx, cancel := context.WithTimeout(ctx, postTimeout)
	defer cancel()
	id, body, err := newMessage(notices)
	if err != nil {
		return err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, r.url.String(), bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("make the request: %w", hideURL(err))
	}
	timestamp := strconv.FormatInt(time.Now().Unix(), 10)
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("User-Agent", "rollcall")
	request.Header.Set("webhook-id", id)
	request.Header.Set("webhook-timestamp", timestamp)
	request.Header.Set("webhook-signature", r.secrets.sign(id, timestamp, body))
	answer, err := r.client.Do(request)
	if err != nil {
		return fmt.Errorf("post %d joins and leaves: %w", len(notices), hideURL(err))
	}
	defer answer.Body.Close()
	_, _ = io.CopyN(io.Discard, answer.Body, maxAnswer) // the status has said everything
	if answer.StatusCode < 200 || answer.StatusCode > 299 {
		return fmt.Errorf("post %d joins and leaves: %w", len(notices), newRefusal(answer))
	}
	return nil
}

func hideURL(err error) error {
	if e, ok := errors.AsType[*url.Error](err); ok {
		return e.Err
	}
	return err
}
