package transport

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/rollcall/rollcall"
)

const (
	// tokenFresh is how long a good token is believed without asking: it bounds
	// how long a revoked one is still accepted.
	tokenFresh = time.Second
	// tokenStale is how long it is believed while the database does not answer.
	tokenStale = 10 * time.Minute
	// tokenPatience is how long a request with a token that was good lately
	// waits for the database; then memory decides.
	tokenPatience = 250 * time.Millisecond
	// lookupEvery spaces the lookups, and maxLookup bounds one query of them:
	// however many wrong tokens come, the database sees little of it.
	lookupEvery   = 20 * time.Millisecond
	maxLookup     = 1000
	lookupTimeout = 3 * time.Second
)

// authorized checks the Authorization header as Django REST framework's token
// authentication does, and answers for a request that fails.
func (s *Server) authorized(w http.ResponseWriter, r *http.Request) bool {
	token, problem := tokenOf(r.Header)
	if problem == "" {
		holder, found, err := s.tokens.holder(r.Context(), rollcall.HashToken(token))
		switch {
		case err != nil:
			s.config.Logger.Warn("token not checked", "error", err)
			unavailable(w)
			return false
		case !found:
			problem = "Invalid token."
		case !holder.Active:
			problem = "User inactive or deleted."
		default:
			return true
		}
	}
	w.Header().Set("WWW-Authenticate", "Token")
	fail(w, http.StatusUnauthorized, problem)
	return false
}

func unavailable(w http.ResponseWriter) {
	w.Header().Set("Retry-After", retryAfter)
	fail(w, http.StatusServiceUnavailable, "Service temporarily unavailable, try again later.")
}

// tokenOf finds the token in an Authorization header, or says what is wrong.
func tokenOf(h http.Header) (token, problem string) {
	words := strings.FieldsFunc(strings.Join(h["Authorization"], ","), func(c rune) bool {
		return c == ' ' || c >= '\t' && c <= '\r' // what is blank in ASCII
	})
	switch {
	case len(words) == 0 || !strings.EqualFold(words[0], "Token"):
		return "", "Authentication credentials were not provided."
	case len(words) == 1:
		return "", "Invalid token header. No credentials provided."
	case len(words) > 2:
		return "", "Invalid token header. Token string should not contain spaces."
	case !utf8.ValidString(words[1]):
		return "", "Invalid token header. Token string should not contain invalid characters."
	}
	return words[1], ""
}

// tokenCache remembers good tokens, and gathers the lookups of all others.
type tokenCache struct {
	source rollcall.Tokens
	mu     sync.Mutex // guards what follows
	good   map[rollcall.TokenHash]goodToken
	next   *lookup // that requests join, until it begins
	busy   bool    // a goroutine is looking up
	away   bool    // the last lookup failed
}

type goodToken struct {
	holder rollcall.Holder
	seen   time.Time // when the database last said so
}

// lookup is one question to the database.
type lookup struct {
	hashes map[rollcall.TokenHash]struct{}
	done   chan struct{} // closed when what follows is set
	found  map[rollcall.TokenHash]rollcall.Holder
	err    error
}

func newTokenCache(source rollcall.Tokens) *tokenCache {
	return &tokenCache{source: source, good: make(map[rollcall.TokenHash]goodToken)}
}

// holder finds whose token it is.
func (c *tokenCache) holder(ctx context.Context, hash rollcall.TokenHash) (rollcall.Holder, bool, error) {
	c.mu.Lock()
	known, remembered := c.good[hash]
	age := time.Since(known.seen)
	if remembered && age < tokenFresh {
		c.mu.Unlock()
		return known.holder, true, nil
	}
	usable := remembered && age < tokenStale
	away := c.away
	asked := c.join(hash)
	c.mu.Unlock()
	if usable {
		if away {
			return known.holder, true, nil
		}
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, tokenPatience)
		defer cancel()
	}
	var err error
	select {
	case <-asked.done:
		err = asked.err
	case <-ctx.Done():
		err = context.Cause(ctx)
	}
	switch {
	case err == nil:
		holder, found := asked.found[hash]
		return holder, found, nil
	case usable:
		return known.holder, true, nil
	}
	return rollcall.Holder{}, false, err
}

// join makes a hash part of the next lookup. The caller holds the lock.
func (c *tokenCache) join(hash rollcall.TokenHash) *lookup {
	if c.next == nil {
		c.next = &lookup{hashes: make(map[rollcall.TokenHash]struct{}), done: make(chan struct{})}
	}
	c.next.hashes[hash] = struct{}{}
	if !c.busy {
		c.busy = true
		go c.run()
	}
	return c.next
}

// run looks up until nobody asks. Whoever comes while a lookup is under way
// joins the next one, so that an answer is never older than its question.
func (c *tokenCache) run() {
	for {
		c.mu.Lock()
		now := c.next
		c.next = nil
		if now == nil {
			c.busy = false
			c.mu.Unlock()
			return
		}
		c.mu.Unlock()
		now.found, now.err = c.ask(slices.Collect(maps.Keys(now.hashes)))
		c.learn(now)
		close(now.done)
		<-time.After(lookupEvery)
	}
}

// ask puts the question to the database, in pieces.
func (c *tokenCache) ask(hashes []rollcall.TokenHash) (found map[rollcall.TokenHash]rollcall.Holder, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("looking up tokens: crashed: %v", r)
		}
	}()
	ctx, cancel := context.WithTimeout(context.Background(), lookupTimeout)
	defer cancel()
	found = make(map[rollcall.TokenHash]rollcall.Holder)
	for piece := range slices.Chunk(hashes, maxLookup) {
		holders, err := c.source.Holders(ctx, piece)
		if err != nil {
			return nil, fmt.Errorf("looking up tokens: %w", err)
		}
		maps.Copy(found, holders)
	}
	return found, nil
}

// learn remembers what a lookup said, and forgets what is too old to be of use.
func (c *tokenCache) learn(l *lookup) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.away = l.err != nil; c.away {
		return
	}
	now := time.Now()
	for hash := range l.hashes {
		if holder, ok := l.found[hash]; ok {
			c.good[hash] = goodToken{holder, now}
		} else {
			delete(c.good, hash)
		}
	}
	maps.DeleteFunc(c.good, func(_ rollcall.TokenHash, g goodToken) bool { return now.Sub(g.seen) > tokenStale })
}
