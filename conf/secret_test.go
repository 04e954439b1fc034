package conf_test

import (
	"bytes"
	"encoding/gob"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/lvs-director/director/conf"
)

func TestSecretShowsItselfNowhere(t *testing.T) {
	type holder struct{ Auth conf.Authentication }
	h := holder{conf.Authentication{Type: conf.PassAuth, Pass: "s3cretPW"}}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d", "%10s"} {
		if got := fmt.Sprintf(verb, h); strings.Contains(got, "s3cret") ||
			strings.Contains(got, fmt.Sprintf("%x", "s3cret")) {
			t.Errorf("%s shows it: %s", verb, got)
		}
	}
	text, err := json.Marshal(h)
	if err != nil || strings.Contains(string(text), "s3cret") || !strings.Contains(string(text), "********") {
		t.Errorf("JSON: %s, %v", text, err)
	}
	var log bytes.Buffer
	slog.New(slog.NewTextHandler(&log, nil)).Info("x", "pass", h.Auth.Pass, "all", h)
	if strings.Contains(log.String(), "s3cret") {
		t.Errorf("slog: %s", log.String())
	}
	var wire bytes.Buffer
	if err := gob.NewEncoder(&wire).Encode(h); err != nil {
		t.Fatal(err)
	}
	var got holder
	if err := gob.NewDecoder(&wire).Decode(&got); err != nil || got != h {
		t.Errorf("gob carries %q, %v", string(got.Auth.Pass), err)
	}
}
