package web

import (
	"context"
	"encoding/json"
	"net/http"
	"time"

	"github.com/lvs-director/director/worker/front"
)

const (
	// historyPatience bounds the wait for a history, and longestName a name that is asked for, in bytes.
	historyPatience = 3 * time.Second
	longestName     = 300
	// resultsShown is of how many runs a page is told.
	resultsShown = 20
)

// History is the last results of a check, the latest one last.
type History struct {
	Checker string     `json:"checker"`
	Runs    uint64     `json:"runs"`
	Results []CheckRow `json:"results"`
}

// history answers with the last results of the checks of a real server. Reading needs no token; no more than some
// are asked for at once, so that who reads much leaves room for who acts.
func (s *Server) history(w http.ResponseWriter, r *http.Request) {
	about := front.AboutServer{VirtualServer: r.FormValue("service"), RealServer: r.FormValue("server")}
	if about.RealServer == "" || len(about.RealServer)+len(about.VirtualServer) > longestName {
		problem(w, http.StatusBadRequest, "the question names no server")
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), historyPatience)
	defer cancel()
	select {
	case s.looks <- struct{}{}:
		defer func() { <-s.looks }()
	case <-ctx.Done():
		problem(w, http.StatusServiceUnavailable, "others are asking: try again")
		return
	}
	body, err := json.Marshal(about)
	if err == nil {
		body, err = s.o.Ask(ctx, front.History, who(r), "", body)
	}
	var got struct {
		Error    string `json:"error"`
		Checkers []struct {
			Checker string  `json:"checker"`
			Runs    uint64  `json:"runs"`
			Results []Check `json:"results"`
		} `json:"checkers"`
	}
	if err == nil {
		err = json.Unmarshal(body, &got)
	}
	switch {
	case err != nil:
		problem(w, http.StatusServiceUnavailable, text(err.Error()))
		return
	case got.Error != "":
		problem(w, http.StatusServiceUnavailable, text(got.Error))
		return
	}
	list := make([]History, 0, len(got.Checkers))
	for _, c := range got.Checkers {
		h := History{Checker: text(c.Checker), Runs: c.Runs, Results: []CheckRow{}}
		for _, k := range c.Results[max(len(c.Results)-resultsShown, 0):] {
			h.Results = append(h.Results, k.row())
		}
		list = append(list, h)
	}
	answer(w, http.StatusOK, struct {
		Checkers []History `json:"checkers"`
	}{list})
}
