package transport

import (
	"path/filepath"
	"testing"

	"github.com/rollcall/rollcall"
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
	transporttest.PageWorksFromDisk(t, pageSite(t), path)
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

// pageSite starts a server whose user has a plus in the e-mail, which a page
// can easily lose on the way.
func pageSite(t *testing.T) transporttest.Site {
	t.Helper()
	const email = "alice+tabs@example.com"
	s := start(t)
	s.presence.users = append(s.presence.users, rollcall.Email(email))
	return transporttest.Site{URL: "http://" + s.address, Email: email, Token: goodToken0}
}

func TestPageKeepsTokenFromOtherServers(t *testing.T) {
	transporttest.PageKeepsTokenFromOtherServers(t, pageSite(t))
}
