package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"regexp"
	"strconv"
	"strings"
	"time"
)

const (
	defaultSocket  = "/run/picket/admin.sock"
	defaultSeconds = 10
	secondsMax     = 600
	callTimeout    = 2 * time.Second
	pollInterval   = 200 * time.Millisecond
	statsBytesMax  = 4 << 20
)

// Connections of the listeners of the application; those of the proxy's own pages and of its administration are not
// clients that have to move.
var active = regexp.MustCompile(`^listener\.(.+)\.downstream_cx_active: ([0-9]+)$`)
var own = regexp.MustCompile(`^admin$|_(15020|15021|15090)$|\.worker_[0-9]+$|\.main_thread$`)

// drain asks the proxy to be not ready and to close its connections as their requests end, all while it goes on
// serving, and returns once nobody is connected or the time is over. The proxy ends later, after the application.
func drain() error {
	socket := os.Getenv("PICKET_ADMIN_SOCKET")
	if socket == "" {
		socket = defaultSocket
	}
	seconds, err := secondsOf(os.Getenv("PICKET_DRAIN_SECONDS"))
	if err != nil {
		return err
	}
	end := time.Now().Add(time.Duration(seconds) * time.Second)
	client := &http.Client{Timeout: callTimeout, Transport: &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "unix", socket)
		},
	}}
	for _, path := range []string{"/healthcheck/fail", "/drain_listeners?graceful&skip_exit"} {
		if err := post(client, path); err != nil {
			return err
		}
	}
	for time.Now().Before(end) {
		connections, err := connected(client)
		if err != nil {
			return err
		}
		if connections == 0 {
			fmt.Println("nobody is connected any more")
			return nil
		}
		time.Sleep(pollInterval)
	}
	fmt.Printf("clients are still connected after %d seconds\n", seconds)
	return nil
}

func secondsOf(text string) (int, error) {
	if text == "" {
		return defaultSeconds, nil
	}
	seconds, err := strconv.Atoi(text)
	if err != nil || seconds < 0 || seconds > secondsMax {
		return 0, fmt.Errorf("PICKET_DRAIN_SECONDS must be from 0 to %d", secondsMax)
	}
	return seconds, nil
}

func post(client *http.Client, path string) error {
	response, err := client.Post("http://admin"+path, "text/plain", nil)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s was answered with %s", path, response.Status)
	}
	return nil
}

func connected(client *http.Client) (int, error) {
	response, err := client.Get("http://admin/stats?filter=downstream_cx_active$")
	if err != nil {
		return 0, err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return 0, errors.New("statistics were answered with " + response.Status)
	}
	total := 0
	lines := bufio.NewScanner(io.LimitReader(response.Body, statsBytesMax))
	for lines.Scan() {
		found := active.FindStringSubmatch(strings.TrimSpace(lines.Text()))
		if found == nil || own.MatchString(found[1]) {
			continue
		}
		count, err := strconv.Atoi(found[2])
		if err != nil {
			return 0, err
		}
		total += count
	}
	return total, lines.Err()
}
