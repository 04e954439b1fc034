package probing

import (
	"errors"
	"fmt"
	"strings"

	"github.com/lvs-director/director/checkers"
	"github.com/lvs-director/director/checkers/probe"
	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/conf/load/value"
	"github.com/lvs-director/director/supervisor/status"
)

// run is one check.
type run struct {
	virtual, real, name string
	target              probe.Target
}

// choose are the checks that are asked for. URLs are checked one by one.
func (q Question) choose(cfg *conf.Config, file string) ([]run, error) {
	words := q.Words
	if file == "" {
		words = nil
	}
	if len(words) > 2 {
		return nil, fmt.Errorf("probe: %d names: at most a virtual server and a real server", len(words))
	}
	var list []run
	var names []string
	found := len(words) == 0
	for _, vs := range cfg.VirtualServers {
		names = append(names, vs.String())
		inside := len(words) == 0 || status.Called(vs.String(), words[0])
		for _, rs := range vs.RealServers {
			names = append(names, rs.String())
			ok := inside
			switch {
			case len(words) == 1:
				ok = inside || status.Called(rs.String(), words[0])
			case len(words) == 2:
				ok = inside && status.Called(rs.String(), words[1])
			}
			if !ok {
				continue
			}
			found = true
			for i, name := range checkers.Names(rs) {
				check := &rs.Checkers[i]
				urls := 1
				if check.HTTP != nil {
					urls = max(len(check.HTTP.URLs), 1)
				}
				for u := range urls {
					p := run{vs.String(), rs.String(), name, probe.Target{Checker: check, URL: u}}
					if urls > 1 {
						p.name += " url " + conf.MaskURL(check.HTTP.URLs[u].Path)
					}
					list = append(list, p)
				}
			}
		}
	}
	switch {
	case !found:
		for kind := range kindsOfProbe {
			names = append(names, kind)
		}
		near := ""
		for _, w := range words {
			if near == "" {
				near = value.DidYouMean(w, names)
			}
		}
		return nil, fmt.Errorf("probe: %s has no virtual server or real server %q%s", file, strings.Join(words, " "), near)
	case file == "" && len(list) > 0:
		list[0].virtual, list[0].real = "", q.Words[1]
	case len(list) == 0:
		return nil, errors.New("probe: no checks are configured there")
	}
	return list, nil
}
