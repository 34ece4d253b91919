package webhook

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rollcall/rollcall"
)

const (
	oneSecret   = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
	otherSecret = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
)

// noon has microseconds, which a receiver must not lose.
var noon = time.Date(2025, 10, 21, 12, 0, 0, 123456000, time.UTC)

// The example of the Standard Webhooks libraries: a signature that they make must be
// ours, or none of them can check it.
func TestSignatureIsThatOfTheStandard(t *testing.T) {
	got := secrets(t, oneSecret).sign("msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330", []byte(`{"test": 2432232314}`))
	if want := "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="; got != want {
		t.Errorf("the signature is %s, want %s", got, want)
	}
}

// While a secret is replaced, receivers with the old and with the new one must both
// be able to check what they get.
func TestTwoSecretsMakeTwoSignatures(t *testing.T) {
	one, other := secrets(t, oneSecret), secrets(t, otherSecret)
	both := secrets(t, oneSecret+" "+otherSecret)
	want := one.sign("a", "1", []byte("b")) + " " + other.sign("a", "1", []byte("b"))
	if got := both.sign("a", "1", []byte("b")); got != want {
		t.Errorf("the signatures are %s, want %s", got, want)
	}
}

// A secret that is short or mistyped must stop the server and not appear in its log.
func TestSecretThatIsNoneIsRefused(t *testing.T) {
	long := "whsec_" + base64.StdEncoding.EncodeToString(make([]byte, 65))
	for _, text := range []string{"", " ", "hunter2hunter2", "whsec_", "whsec_aHVudGVyMg==", long, oneSecret + " hunter2", strings.TrimPrefix(oneSecret, "whsec_"), oneSecret + "="} {
		_, err := ParseSecrets(text)
		if err == nil || strings.Contains(err.Error(), "hunter") {
			t.Errorf("%q gives the error %v", text, err)
		}
	}
}

// What arrives must be all that a receiver needs: the events in order, with times to
// the microsecond, and headers that prove where they are from.
func TestPostIsSignedAndComplete(t *testing.T) {
	var body []byte
	var header http.Header
	r := receiverAt(t, func(w http.ResponseWriter, request *http.Request) {
		body, _ = io.ReadAll(request.Body)
		header = request.Header
	})
	leave := rollcall.Notice{ID: 9, Kind: rollcall.EventLeave, Email: "ada@example.com", At: noon.Add(1500 * time.Millisecond), ConnectedAt: noon, Reason: "closed"}
	if err := r.post(t.Context(), []rollcall.Notice{join(8), leave}); err != nil {
		t.Fatal(err)
	}
	want := `{"events":[` +
		`{"id":"8","kind":"join","email":"ada@example.com","at":"2025-10-21T12:00:00.123456Z","connected_at":"2025-10-21T12:00:00.123456Z"},` +
		`{"id":"9","kind":"leave","email":"ada@example.com","at":"2025-10-21T12:00:01.623456Z","connected_at":"2025-10-21T12:00:00.123456Z","reason":"closed","duration_ms":1500}]}`
	if string(body) != want {
		t.Errorf("the body is %s\nwant %s", body, want)
	}
	key, _ := base64.StdEncoding.DecodeString(strings.TrimPrefix(oneSecret, "whsec_"))
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(header.Get("Webhook-Id") + "." + header.Get("Webhook-Timestamp") + "." + string(body)))
	if got, want := header.Get("Webhook-Signature"), "v1,"+base64.StdEncoding.EncodeToString(mac.Sum(nil)); got != want {
		t.Errorf("the signature is %s, want %s", got, want)
	}
	at, err := strconv.ParseInt(header.Get("Webhook-Timestamp"), 10, 64)
	if age := time.Since(time.Unix(at, 0)); err != nil || age < 0 || age > time.Minute {
		t.Errorf("the timestamp is %s old, %v", age, err)
	}
	if got := header.Get("Content-Type"); got != "application/json" {
		t.Errorf("the body is said to be %s", got)
	}
}

// A program that reads both the API and the posts must not meet times of two kinds:
// a fraction has six digits, or there is none.
func TestTimesOfAPostAreWrittenAsInTheAPI(t *testing.T) {
	_, body, err := newMessage([]rollcall.Notice{{At: noon.Truncate(time.Second).Add(120 * time.Millisecond), ConnectedAt: noon.Truncate(time.Second)}})
	if want := `"at":"2025-10-21T12:00:00.120000Z","connected_at":"2025-10-21T12:00:00Z"`; err != nil || !strings.Contains(string(body), want) {
		t.Errorf("the body is %s, %v, want %s in it", body, err, want)
	}
}

// A repetition is told from something new by its name.
func TestSameNoticesHaveTheSameName(t *testing.T) {
	first, _, _ := newMessage([]rollcall.Notice{join(1)})
	again, _, _ := newMessage([]rollcall.Notice{join(1)})
	other, _, _ := newMessage([]rollcall.Notice{join(2)})
	if first != again || first == other {
		t.Errorf("the names are %s, %s and %s", first, again, other)
	}
}

// Only a 2xx is an acceptance. A redirect leads names and a signature to somebody who
// was not meant, and is not followed.
func TestOnlyASuccessIsAnAcceptance(t *testing.T) {
	var elsewhere atomic.Int64
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { elsewhere.Add(1) }))
	defer other.Close()
	for status, accepted := range map[int]bool{
		200: true, 201: true, 204: true, 299: true, 301: false, 302: false, 303: false, 304: false, 307: false, 308: false, 400: false, 410: false, 500: false,
	} {
		r := receiverAt(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Location", other.URL)
			w.WriteHeader(status)
		})
		if err := r.post(t.Context(), []rollcall.Notice{join(1)}); (err == nil) != accepted {
			t.Errorf("the status %d gives the error %v", status, err)
		}
	}
	if n := elsewhere.Load(); n > 0 {
		t.Errorf("%d redirects were followed", n)
	}
}

// An answer without end must take neither memory nor time: it is cut off where the
// bound is, though its status counts.
func TestAnswerWithoutEndIsCutOff(t *testing.T) {
	cut := make(chan int64, 1)
	r := receiverAt(t, func(w http.ResponseWriter, request *http.Request) {
		var sent int64
		for chunk := bytes.Repeat([]byte("x"), 64<<10); sent < 1<<30; {
			n, err := w.Write(chunk)
			if sent += int64(n); err != nil {
				break
			}
		}
		cut <- sent
	})
	if err := r.post(t.Context(), []rollcall.Notice{join(1)}); err != nil {
		t.Fatal(err)
	}
	select {
	case sent := <-cut:
		if sent >= 1<<30 {
			t.Errorf("%d bytes of the answer were read", sent)
		}
	case <-time.After(20 * time.Second):
		t.Error("the answer goes on")
	}
}

// An error is logged, and a URL may have a secret of its own in it. The host tells an
// operator what is meant.
func TestErrorsDoNotShowTheURL(t *testing.T) {
	to := &url.URL{Scheme: "http", Host: "127.0.0.1:1", User: url.UserPassword("ada", "hunter2"), RawQuery: "token=hunter2"}
	err := newReceiver(to, secrets(t, oneSecret), newTransport()).post(t.Context(), []rollcall.Notice{join(1)})
	if err == nil || strings.Contains(err.Error(), "hunter2") || !strings.Contains(err.Error(), "127.0.0.1:1") {
		t.Errorf("the error is %v", err)
	}
}

// receiverAt is a receiver with this handler, over a real socket.
func receiverAt(t *testing.T, handler http.HandlerFunc) receiver {
	t.Helper()
	server := httptest.NewServer(handler)
	through := newTransport()
	t.Cleanup(func() {
		through.CloseIdleConnections()
		server.Close()
	})
	to, err := url.Parse(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	return newReceiver(to, secrets(t, oneSecret), through)
}
