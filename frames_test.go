package rollcall

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"
)

// The frames are compared byte for byte with what the Django original wrote,
// because some client somewhere compares strings.
func TestFramesAreThoseOfTheOriginal(t *testing.T) {
	const from = `", "from": "user@example.com"}`
	for _, c := range []struct{ payload, want string }{
		{`{"message": "Hello Server!"}`, "Hello Server!"},
		{`{"message": ""}`, ""},
		{`{}`, ""},
		{` { } `, ""},
		{`{"msg": "x"}`, ""},
		{`{"Message": "x"}`, ""},
		{`{"message": "a", "message": "b"}`, "b"},
		{`{"message": "a", "x": {"message": "inner"}, "y": ["message", "z"]}`, "a"},
		{`{"m\u0065ssage": "escaped key"}`, "escaped key"},
		{`{"message": "x", "extra": 1}`, "x"},
		{`{"message": "héllo 世界 😀"}`, `h\u00e9llo \u4e16\u754c \ud83d\ude00`},
		{`{"message": "\u00E9 \uD83D\uDE00"}`, `\u00e9 \ud83d\ude00`},
		{`{"message": "\ud800 lone"}`, `\ud800 lone`},
		{`{"message": "<b>&\"\\\n\u0000\u007f\/\u0041"}`, `<b>&\"\\\n\u0000\u007f/A`},
		{"{\"message\": \"\x7f\"}", `\u007f`},
		{"  {\"message\":\t\"ws\"}\r\n", "ws"},
		// Other values are their compact JSON text: the original wrote Python's.
		{`{"message": null}`, "null"},
		{`{"message": true}`, "true"},
		{`{"message": 42}`, "42"},
		{`{"message":1.50,"x":2}`, "1.50"},
		{`{"message": 1e400}`, "1e400"},
		{`{"message": 123456789012345678901234567890}`, "123456789012345678901234567890"},
		{`{"message": {"a": [1, "b ]}", null, true]}}`, `{\"a\":[1,\"b ]}\",null,true]}`},
		{`{"message": [ "x" , "é\n" ]}`, `[\"x\",\"\u00e9\\n\"]`},
	} {
		want := `{"type": "message", "message": "Server received: ` + c.want + from
		got := string(Reply("user@example.com", []byte(c.payload)))
		if got != want {
			t.Errorf("reply to %s\n is %s\nwant %s", c.payload, got, want)
		}
		if !json.Valid([]byte(got)) {
			t.Errorf("reply to %s is not JSON: %s", c.payload, got)
		}
	}
	if got, want := string(Greeting("jürgen@exämple.de")),
		`{"type": "connection_established", "message": "Connected successfully as j\u00fcrgen@ex\u00e4mple.de"}`; got != want {
		t.Errorf("the greeting is %s, want %s", got, want)
	}
}

// A push is written as every other frame is, whatever blanks and letters its
// message has: clients of the original may compare strings here too.
func TestPushIsWrittenAsTheOtherFramesAre(t *testing.T) {
	for message, want := range map[string]string{
		`1`:                     `1`,
		" \t\r\n-1.5e+30 ":      `-1.5e+30`,
		`true`:                  `true`,
		`"a: b, c"`:             `"a: b, c"`,
		`"\u00E9\/\ud800😀"`:     `"\u00e9/\ud800\ud83d\ude00"`,
		`{}`:                    `{}`,
		`[ ]`:                   `[]`,
		`{"a":[1,{"é" :null}]}`: `{"a": [1, {"\u00e9": null}]}`,
		` [ "x" , "\"," ] `:     `["x", "\","]`,
	} {
		got := string(Push([]byte(message), "ü\""))
		if want := `{"type": "push", "message": ` + want + `, "id": "\u00fc\""}`; got != want {
			t.Errorf("%q is pushed as\n%s\nwant\n%s", message, got, want)
		}
		if !json.Valid([]byte(got)) {
			t.Errorf("%q is pushed as what is not JSON", message)
		}
	}
}

// Whatever is not one JSON object gets the same answer, and hurts nobody: the
// original crashed on some of these.
func TestWhatIsNotAnObjectIsInvalid(t *testing.T) {
	deep := strings.Repeat("[", 100_000)
	for _, payload := range []string{
		"", " ", "not json", "{", `{"message": "x"`, `{'message': 'x'}`, `{"message": "x"} trailing`, `{}{}`,
		"{\"message\": \"tab\there\"}", "\ufeff{}", "[]", "[1, 2]", `"string"`, "42", "null", "true", "NaN",
		`{"message": NaN}`, `{"message": 01}`, `{"message": "\x"}`, `{"message": "\u12"}`,
		deep, `{"message": ` + deep + strings.Repeat("]", 100_000) + `}`,
	} {
		if got := string(Reply("user@example.com", []byte(payload))); got != `{"type": "error", "message": "Invalid JSON format"}` {
			t.Errorf("the reply to %.40q is %.80s", payload, got)
		}
	}
}

// The walk over a document trusts every byte that the standard library judged
// valid; this is where it would be caught trusting too much.
func FuzzReplyIsJSONThatSaysTheMessage(f *testing.F) {
	for _, seed := range []string{
		`{"message": "Hello"}`, `{"message": {"a": [1, "b\"}", null]}}`, `{"a": "\\", "message": "\ud83d\ude00"}`,
		`{"message": -0.1e+5, "message": []}`, "{\"\":{}}", `[]`, `{"message": "\u2028é"}`,
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, payload string) {
		if !utf8.ValidString(payload) {
			return // the transport closes with 1007 before
		}
		var frame struct{ Type, Message, From string }
		if err := json.Unmarshal(Reply(`a"\é@b.c`, []byte(payload)), &frame); err != nil {
			t.Fatalf("the reply to %q is not JSON: %v", payload, err)
		}
		var sent map[string]json.RawMessage
		if err := json.Unmarshal([]byte(payload), &sent); err != nil || sent == nil {
			if frame.Type != "error" {
				t.Fatalf("%q is no object, and was answered %+v", payload, frame)
			}
			return
		}
		want := ""
		if raw, ok := sent["message"]; ok && json.Unmarshal(raw, &want) != nil || string(raw) == "null" {
			want = compact(t, raw)
		}
		if frame.Message != "Server received: "+want || frame.From != `a"\é@b.c` {
			t.Fatalf("%q was answered %+v, want the message %q", payload, frame, want)
		}
	})
}

func compact(t *testing.T, raw []byte) string {
	t.Helper()
	var b bytes.Buffer
	if err := json.Compact(&b, raw); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func BenchmarkReply(b *testing.B) {
	payload := []byte(`{"message": "Hello Server!"}`)
	for b.Loop() {
		Reply("user@example.com", payload)
	}
}
