package probing

import (
	"errors"
	"fmt"
	"maps"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/conf/load"
	"github.com/lvs-director/director/conf/load/value"
)

// Question is what has to be checked.
type Question struct {
	File    string       // the configuration; empty is the default file, or none
	Reading load.Options // how it is read
	// Words are a virtual server and a real server of the file, or a kind of check and the server.
	Words   []string
	Options []string // lines of the block of a check that is named by its kind
	Path    string   // of the URL of such a check
}

// kindsOfProbe are the words for the checks that need no file.
var kindsOfProbe = map[string]conf.CheckKind{
	"tcp": conf.TCPCheck, "http": conf.HTTPGet, "https": conf.SSLGet, "ssl": conf.SSLGet, "smtp": conf.SMTPCheck,
	"dns": conf.DNSCheck, "udp": conf.UDPCheck, "ping": conf.PingCheck, "agent": conf.AgentCheck,
	"query": conf.QueryCheck, "grpc": conf.GRPCCheck,
}

// configuration is that of the file, or is made of the words.
func (q Question) configuration() (*conf.Config, string, error) {
	if len(q.Words) > 0 && kindsOfProbe[q.Words[0]] != "" && q.File == "" {
		text, err := q.made()
		if err != nil {
			return nil, "", err
		}
		cfg, findings := load.LoadText("command line", text, load.Options{})
		for _, f := range findings {
			if f.Severity != conf.Note {
				return nil, "", fmt.Errorf("making a check of the command line: %s", f.Message)
			}
		}
		return cfg, "", nil
	}
	file, err := load.FindFile(q.File)
	if err != nil {
		if len(q.Words) > 0 && q.File == "" {
			err = fmt.Errorf("probe: %q is no kind of check%s; and %w", q.Words[0],
				value.DidYouMean(q.Words[0], slices.Sorted(maps.Keys(kindsOfProbe))), err)
		}
		return nil, "", err
	}
	cfg, findings := load.Load(file, q.Reading)
	if conf.HasErrors(findings) {
		return nil, "", fmt.Errorf("reading %s: it has errors: director check shows them", file)
	}
	return cfg, file, nil
}

// usualPorts are those of checks whose port may be left out; a ping has none.
var usualPorts = map[conf.CheckKind]string{conf.PingCheck: "1", conf.HTTPGet: "80", conf.SSLGet: "443",
	conf.SMTPCheck: "25", conf.DNSCheck: "53"}

// made is a configuration with the one check of the command line.
func (q Question) made() (string, error) {
	word := q.Words[0]
	kind := kindsOfProbe[word]
	if len(q.Words) != 2 {
		return "", fmt.Errorf("probe %s needs one server: director probe %s 10.0.0.2:80", word, word)
	}
	host, port, err := net.SplitHostPort(q.Words[1])
	if usual := usualPorts[kind]; err != nil && usual != "" {
		host, port, err = strings.Trim(q.Words[1], "[]"), usual, nil
	}
	if err != nil {
		return "", fmt.Errorf("probe %s of %q: add a port, such as 10.0.0.2:80", word, q.Words[1])
	}
	if _, err := netip.ParseAddr(host); err != nil {
		return "", fmt.Errorf("probe %s: the server has to be an address, and %q is none", word, host)
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
		return "", fmt.Errorf("probe %s: the port has to be of 1 to 65535, and %q is not", word, port)
	}
	lines := append([]string{"connect_ip " + host}, q.Options...)
	place := "192.0.2.1" // of documentation: the check goes to connect_ip
	if strings.Contains(host, ":") {
		place = "2001:db8::1"
	}
	if kind == conf.HTTPGet || kind == conf.SSLGet {
		// In quotes: a blank, a brace or a # would end it.
		lines = append(lines, "url {", `path "`+q.Path+`"`, "}")
	}
	if strings.ContainsAny(q.Path, "\r\n\"") {
		return "", fmt.Errorf("probe %s: the path %q is not one line without quotes", word, q.Path)
	}
	if err := wholeBlocks(q.Options); err != nil {
		return "", fmt.Errorf("probe %s: %w", word, err)
	}
	return fmt.Sprintf("virtual_server %s %s {\nlb_algo rr\nlb_kind NAT\nprotocol TCP\n"+
		"real_server %s %s {\n%s {\n%s\n}\n}\n}\n",
		place+"0", port, place, port, kind, strings.Join(lines, "\n")), nil
}

// wholeBlocks says what is wrong with lines that make up no whole blocks: "steps {" begins one and "}"
// ends it.
func wholeBlocks(lines []string) error {
	depth := 0
	for _, text := range lines {
		line := strings.TrimSpace(text)
		begins := strings.HasSuffix(line, " {")
		switch {
		case strings.ContainsAny(text, "\r\n"), line != "}" && !strings.Contains(line, `"`) &&
			strings.ContainsAny(strings.TrimSuffix(line, " {"), "{}"):
			return fmt.Errorf("%q is not one line: give each line of a block with an -o of its own", text)
		case begins:
			depth++
		case line == "}":
			depth--
		}
		if depth < 0 {
			return fmt.Errorf("%q ends a block that no -o has begun", text)
		}
	}
	if depth > 0 {
		return errors.New("a block has no end: add -o '}'")
	}
	return nil
}
