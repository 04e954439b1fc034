package keyfile

import (
	"encoding/hex"
	"errors"
	"fmt"
	"strings"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/conf/syntax"
)

// peerKeySize is the length of the key of a peer in bytes.
const peerKeySize = 32

// errPeerKey says that a file was read and has no key.
var errPeerKey = errors.New("is not a key of a peer")

func (k *Keys) set(name string, s conf.Secret) {
	if *k == nil {
		*k = make(Keys)
	}
	(*k)[name] = s
}

// CheckPeers says which files of the keys of peers have no such key. What cannot be read is no finding:
// the file may be on another host, or for root only.
func CheckPeers(cfg *conf.Config, fsys syntax.FS) (list []conf.Finding) {
	var keys Keys
	for _, f := range readPeers(cfg, fsys, &keys) {
		if f.Severity == conf.Error {
			list = append(list, f)
		}
	}
	return list
}

// readPeers reads the keys of peers. A file that cannot be read is a warning: without the peer
// everything else works. One that has no key is an error.
func readPeers(cfg *conf.Config, fsys syntax.FS, keys *Keys) (findings []conf.Finding) {
	for _, p := range cfg.Peers {
		if p.KeyFile == "" {
			continue
		}
		key, err := readPeerKey(p.KeyFile, fsys)
		if err == nil {
			keys.set(peerOf(p.KeyFile), key)
			continue
		}
		f := conf.Finding{
			Severity: conf.Warning, Pos: conf.Pos{File: cfg.Path}, Code: unreadablePeer,
			Message: fmt.Sprintf("peer %s is not talked to: %v", p.Address, err), Hint: "director genkey --peer makes a key",
		}
		if errors.Is(err, errPeerKey) {
			f.Severity = conf.Error
		}
		if src, said := cfg.Source(p, "key"); said {
			f.Pos = src.Pos
		}
		findings = append(findings, f)
	}
	return findings
}

// readPeerKey reads a key: hex: and the digits of 32 bytes, as director genkey prints them, also with
// "key 1" before. Errors show nothing of the file.
func readPeerKey(name string, fsys syntax.FS) (conf.Secret, error) {
	b, err := read(name, "a key", fsys)
	if err != nil {
		return "", err
	}
	words := strings.Fields(string(b))
	if len(words) == 3 && words[0] == "key" {
		words = words[2:]
	}
	if len(words) != 1 || !strings.HasPrefix(words[0], "hex:") {
		return "", fmt.Errorf("what is in %s %w: it must be hex: and 64 hexadecimal digits", name, errPeerKey)
	}
	key, err := hex.DecodeString(words[0][len("hex:"):])
	if err != nil || len(key) != peerKeySize {
		return "", fmt.Errorf("what is in %s %w: it must be hex: and 64 hexadecimal digits", name, errPeerKey)
	}
	return conf.Secret(key), nil
}

// peerOf is the place of the key of a peer among the keys.
func peerOf(file string) string { return "peer " + file }

// Peer is the key of a peer; empty is none.
func (k Keys) Peer(p *conf.Peer) conf.Secret {
	if p.KeyFile == "" {
		return p.Key
	}
	return k[peerOf(p.KeyFile)]
}
