package supervisor

import (
	"bytes"
	"encoding/gob"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lvs-director/director/internal/wiretest"
)

func encodeGob(v any) ([]byte, error) {
	var b bytes.Buffer
	err := gob.NewEncoder(&b).Encode(v)
	return b.Bytes(), err
}

// The files were written by the commit 9b4dd5e: an upgrade from it to this one
// loses nothing that it knew.
func TestAHandoffOfAnEarlierCommitIsRead(t *testing.T) {
	wiretest.Recorded(t, "handoff", nil,
		func(h *handoff) ([]byte, error) { return encodeGob(h) },
		func(data []byte) (*handoff, error) {
			h := new(handoff)
			if err := gob.NewDecoder(bytes.NewReader(data)).Decode(h); err != nil {
				return h, err
			}
			return h, h.readable()
		})
	wiretest.Recorded(t, "question", nil,
		func(q *handoffQuestion) ([]byte, error) { return encodeGob(q) },
		func(data []byte) (*handoffQuestion, error) {
			q := new(handoffQuestion)
			return q, gob.NewDecoder(bytes.NewReader(data)).Decode(q)
		})
}

// A program that answers as that commit does can be upgraded to, and back.
func TestAProgramOfAnEarlierCommitCanTakeOver(t *testing.T) {
	for answer, refused := range map[string]string{
		`{"hand_down":1,"protocol":1,"version":"9b4dd5e"}`:                                        "",
		`{"hand_down":7,"oldest_hand_down":1,"protocol":3,"oldest_protocol":1,"version":"later"}`: "",
		`{"hand_down":7,"oldest_hand_down":2,"protocol":1,"version":"much later"}`: "reads handoffs " +
			"of version 7",
		`{"hand_down":1,"protocol":3,"version":"another"}`: "speaks version " +
			"3 of the protocol",
		`{"hand_down":1,"protocol":1,"version":"strict","errors":["a.conf:1:1: error: no such thing"]}`: "finds 1 error",
		`{}`:    "does not answer as a director",
		`hello`: "does not answer as a director",
	} {
		path := filepath.Join(t.TempDir(), "program")
		if err := os.WriteFile(path, []byte("#!/bin/sh\ncat > /dev/null\necho '"+answer+"'\n"), 0o755); err != nil {
			t.Fatal(err)
		}
		_, err := handoffQuestion{}.try(t.Context(), path)
		if (err == nil) != (refused == "") || err != nil && !strings.Contains(err.Error(), refused) {
			t.Errorf("%s: %v, want %q", answer, err, refused)
		}
	}
}
