package transport

import (
	"path/filepath"
	"testing"

	"github.com/rollcall/rollcall/transport/transporttest"
)

// The page in a real browser. Why each of these matters stands with its flow.

func TestPageShowsGreeting(t *testing.T) {
	transporttest.PageShowsGreeting(t, pageSite(t))
}

func TestPageShowsEcho(t *testing.T) {
	transporttest.PageShowsEcho(t, pageSite(t))
}

func TestPageShowsInvalidJSON(t *testing.T) {
	transporttest.PageShowsInvalidJSON(t, pageSite(t))
}

func TestPageExplainsUnknownEmail(t *testing.T) {
	transporttest.PageExplainsUnknownEmail(t, pageSite(t))
}

func TestPageExplainsMissingEmail(t *testing.T) {
	transporttest.PageExplainsMissingEmail(t, pageSite(t))
}

func TestPageCountsTabs(t *testing.T) {
	transporttest.PageCountsTabs(t, pageSite(t))
}

func TestPageListsWhoIsOnline(t *testing.T) {
	transporttest.PageListsWhoIsOnline(t, pageSite(t))
}

func TestPageExplainsInvalidToken(t *testing.T) {
	transporttest.PageExplainsInvalidToken(t, pageSite(t))
}

func TestPageTakesTokenOutOfAddress(t *testing.T) {
	transporttest.PageTakesTokenOutOfAddress(t, pageSite(t))
}

func TestPageWorksFromDisk(t *testing.T) {
	path, err := filepath.Abs("web/" + pageFile)
	if err != nil {
		t.Fatalf("finding the page on disk: %v", err)
	}
	site := pageSite(t)
	site.Disk = path
	transporttest.PageWorksFromDisk(t, site)
}

func TestPageExplainsUnreachableServer(t *testing.T) {
	transporttest.PageExplainsUnreachableServer(t, pageSite(t))
}

func TestPageFitsPhone(t *testing.T) {
	transporttest.PageFitsPhone(t, pageSite(t))
}

func TestPageNamesItsFields(t *testing.T) {
	transporttest.PageNamesItsFields(t, pageSite(t))
}

func TestPageShowsPush(t *testing.T) {
	s := pageServer(t)
	transporttest.PageShowsPush(t, s.site(), func(frame string) {
		s.presence.mu.Lock()
		defer s.presence.mu.Unlock()
		for one := range s.presence.here {
			one.Socket.Send([]byte(frame))
		}
	})
}

func TestPageKeepsTokenFromOtherServers(t *testing.T) {
	transporttest.PageKeepsTokenFromOtherServers(t, pageSite(t))
}

// pageEmail has a plus, which a page can easily lose on the way.
const pageEmail = "alice+tabs@example.com"

// pageServer starts a server with that user.
func pageServer(t *testing.T) *testServer {
	t.Helper()
	s := start(t)
	s.presence.users = append(s.presence.users, pageEmail)
	return s
}

func (s *testServer) site() transporttest.Site {
	return transporttest.Site{URL: "http://" + s.address, Email: pageEmail, Token: goodToken0}
}

func pageSite(t *testing.T) transporttest.Site {
	t.Helper()
	return pageServer(t).site()
}
