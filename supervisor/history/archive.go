package history

import (
	"archive/tar"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
)

// An archive is a tar file: director.json with the Entry, then the files of
// the configuration by their names. tar tf and tar xOf show it.

const (
	entryFile = "director.json"
	// filePrefix keeps names apart from entryFile, and absolute ones from the
	// root of whoever unpacks the archive.
	filePrefix = "files/"
	// Bounds of what is read: more than a configuration may have.
	maxEntry   = 1 << 20
	maxArchive = 256 << 20
)

// Entry describes a configuration that was put in force.
type Entry struct {
	Number   int       `json:"number"` // from 1, in the order of being applied
	Time     time.Time `json:"time"`   // when
	Digest   string    `json:"digest"` // of the text: conf.Config.Digest
	Path     string    `json:"config"` // the main file, absolute
	Reason   string    `json:"reason"` // in words: "start", "reload", "rollback to 3"
	ConfigID string    `json:"config_id,omitempty"`

	Instances      int `json:"instances"`
	VirtualServers int `json:"virtual_servers"`

	// Of is the number of the configuration that this one repeats; its own
	// unless it is a rollback.
	Of int `json:"of"`
	// Replaced is the digest of what a rollback took out of force.
	Replaced string `json:"replaced,omitempty"`
	// Unconfirmed: it was applied to be confirmed, and that has not happened.
	// The name of the archive says it, not the archive.
	Unconfirmed bool `json:"-"`
}

// member is director.json.
type member struct {
	Entry
	Main  string            `json:"main"`            // Text.Path
	Local string            `json:"local,omitempty"` // Text.Local
	Names []string          `json:"files"`
	Env   map[string]string `json:"environment,omitempty"`
}

func writeArchive(w io.Writer, e Entry, t Text) error {
	m := member{Entry: e, Main: t.Path, Local: t.Local, Env: t.Env}
	m.ConfigID = t.ConfigID
	for _, f := range t.Files {
		m.Names = append(m.Names, f.Name)
	}
	head, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return err
	}
	tw := tar.NewWriter(w)
	put := func(name, text string) error {
		err := tw.WriteHeader(&tar.Header{Name: name, Mode: 0o600, Size: int64(len(text)), ModTime: e.Time,
			Format: tar.FormatPAX})
		if err != nil {
			return err
		}
		_, err = io.WriteString(tw, text)
		return err
	}
	if err := put(entryFile, string(head)+"\n"); err != nil {
		return err
	}
	for _, f := range t.Files {
		if err := put(filePrefix+strings.TrimPrefix(f.Name, "/"), f.Text); err != nil {
			return err
		}
	}
	return tw.Close()
}

var errNotOurs = errors.New("it is not an archive that director wrote")

// readEntry reads the first member of an archive.
func readEntry(r *tar.Reader) (member, error) {
	var m member
	h, err := r.Next()
	if err != nil {
		return m, err
	}
	if h.Name != entryFile || h.Size > maxEntry {
		return m, errNotOurs
	}
	data, err := io.ReadAll(io.LimitReader(r, maxEntry))
	if err != nil {
		return m, err
	}
	if err := json.NewDecoder(bytes.NewReader(data)).Decode(&m); err != nil {
		return m, fmt.Errorf("%w: %s: %w", errNotOurs, entryFile, err)
	}
	if m.Number < 1 || m.Digest == "" {
		return m, errNotOurs
	}
	return m, nil
}

// readArchive reads a whole archive.
func readArchive(r io.Reader) (Entry, Text, error) {
	tr := tar.NewReader(io.LimitReader(r, maxArchive))
	m, err := readEntry(tr)
	if err != nil {
		return Entry{}, Text{}, err
	}
	t := Text{Path: m.Main, ConfigID: m.ConfigID, Local: m.Local, Env: m.Env}
	for {
		h, err := tr.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return Entry{}, Text{}, err
		}
		i := slices.IndexFunc(m.Names[len(t.Files):], func(n string) bool {
			return filePrefix+strings.TrimPrefix(n, "/") == h.Name
		})
		if i != 0 {
			return Entry{}, Text{}, fmt.Errorf("%w: unexpected file %q", errNotOurs, h.Name)
		}
		text, err := io.ReadAll(tr)
		if err != nil {
			return Entry{}, Text{}, err
		}
		t.Files = append(t.Files, File{Name: m.Names[len(t.Files)], Text: string(text)})
	}
	if len(t.Files) != len(m.Names) {
		return Entry{}, Text{}, fmt.Errorf("%w: %d of %d files are there", errNotOurs, len(t.Files), len(m.Names))
	}
	return m.Entry, t, nil
}
