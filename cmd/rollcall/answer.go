package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"
)

const (
	// askTimeout is how long the server has for its whole answer. Then it
	// counts as away.
	askTimeout = 15 * time.Second
	// maxAnswer is the longest answer that is read, enough for a million
	// users. What is longer is an error.
	maxAnswer = 256 << 20
	// maxReason is how much of a refusal is read for its reason.
	maxReason = 4 << 10
)

// answer is who was online, as the server says it.
type answer struct {
	Status string `json:"status"`
	Count  int    `json:"count"`
	Active []struct {
		Email        string    `json:"email"`
		ConnectedAt  time.Time `json:"connected_at"`
		LastActivity time.Time `json:"last_activity"`
	} `json:"active_connections"`

	raw  []byte
	node string    // whose list it is; empty if the server does not say
	at   time.Time // by the server's clock, which the times above are of
}

// refusal is an answer that says no.
type refusal struct {
	status int
	reason string
}

func (r *refusal) Error() string {
	return fmt.Sprintf("the server answers %d: %s", r.status, r.reason)
}

// passing reports whether the same question may be answered later.
func (r *refusal) passing() bool {
	return r.status >= http.StatusInternalServerError || r.status == http.StatusTooManyRequests
}

// ask returns a *refusal when the server says no, and another error when it
// says nothing that makes sense.
func ask(ctx context.Context, server *url.URL, apiToken string) (*answer, error) {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, server.JoinPath("api/hms/active-connections").String(), nil)
	if err != nil {
		return nil, fmt.Errorf("asking %s: %w", server.Redacted(), err)
	}
	request.Header.Set("Authorization", "Token "+apiToken)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		if wrapped, ok := errors.AsType[*url.Error](err); ok {
			err = wrapped.Err // the address is said once
		}
		return nil, fmt.Errorf("asking %s: %w", server.Redacted(), err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return nil, readRefusal(response)
	}
	return readAnswer(response)
}

func readAnswer(response *http.Response) (*answer, error) {
	raw, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer+1))
	if err != nil {
		return nil, fmt.Errorf("reading the server's answer: %w", err)
	}
	if len(raw) > maxAnswer {
		return nil, fmt.Errorf("the server's answer is longer than %d bytes", maxAnswer)
	}
	a := &answer{raw: raw, node: response.Header.Get("Rollcall-Node"), at: time.Now()}
	if err := json.Unmarshal(raw, a); err != nil || a.Status != "success" {
		return nil, errors.New("the answer is not a Rollcall server's")
	}
	if at, err := http.ParseTime(response.Header.Get("Date")); err == nil {
		a.at = at
	}
	return a, nil
}

func readRefusal(response *http.Response) error {
	body, _ := io.ReadAll(io.LimitReader(response.Body, maxReason)) // a reason cut short is still one
	var reason struct {
		Detail string `json:"detail"`
	}
	if json.Unmarshal(body, &reason) != nil || reason.Detail == "" {
		reason.Detail = http.StatusText(response.StatusCode)
	}
	return &refusal{response.StatusCode, reason.Detail}
}
