// SPDX-License-Identifier: GPL-3.0-or-later
// What the loopback radios share: what is sent, or stands in a file, comes back on the receiver's clock.
//
// Everything is counted in samples; nothing looks at a clock but to give up waiting.

#pragma once

#include <algorithm>
#include <chrono>
#include <cmath>
#include <complex>
#include <condition_variable>
#include <cstdint>
#include <cstdio>
#include <deque>
#include <functional>
#include <limits>
#include <memory>
#include <mutex>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

namespace loopback {

using Sample = std::complex<float>;

//! Samples that the receiver loses: `lost` of them from its sample `at` on.
struct Gap {
    std::int64_t at, lost;
};

struct Settings {
    std::size_t channels = 2;
    double delay = 0.0;          // from sender to receiver [samples]
    double carrier_offset = 0.0; // by how much what is received is too high [Hz]
    double clock_ppm = 0.0;      // by how much the receiver's sample clock is fast
    std::vector<Gap> gaps;       // gaps=AT+LOST;AT+LOST
    std::int64_t lost_at = std::numeric_limits<std::int64_t>::max(); // sample where the device is lost
    bool raise = false;          // lost with an error, not in silence
    std::int64_t late_before = 0; // what is sent for before this sample comes too late
    bool duplex = false;         // the receiver waits for a sender
    double rate = 7.68e6;        // until it is set [Hz]
    double max_rate = 61.44e6;
    std::string file, sent; // interleaved complex64: what comes back in place of what is sent; where that goes

    //! From a dictionary of strings (`get(key, default)`).
    explicit Settings(const std::function<std::string(std::string, std::string)>& get)
    {
        channels = std::stoul(get("channels", "2"));
        delay = std::stod(get("delay", "0"));
        carrier_offset = std::stod(get("carrier_offset", "0"));
        clock_ppm = std::stod(get("clock_ppm", "0"));
        max_rate = std::stod(get("max_rate", "61.44e6"));
        file = get("file", "");
        sent = get("sent", "");
        raise = get("raise", "0") != "0";
        duplex = get("duplex", "0") != "0";
        if (const auto text = get("lost_at", ""); !text.empty())
            lost_at = std::stoll(text);
        late_before = std::stoll(get("late_before", "0"));
        std::istringstream list(get("gaps", ""));
        for (std::string item; std::getline(list, item, ';');) {
            std::size_t plus;
            const std::int64_t at = std::stoll(item, &plus);
            gaps.push_back({ at, std::stoll(item.substr(plus + 1)) });
        }
    }
};

//! Windowed sinc of 48 taps, tabulated.
class Interpolator
{
public:
    static constexpr int taps = 48, phases = 1024;

    Interpolator() : table((phases + 1) * taps)
    {
        const double pi = std::acos(-1.0), beta = 9.0;
        for (int p = 0; p <= phases; ++p)
            for (int k = 0; k < taps; ++k) {
                const double x = k - (taps / 2 - 1) - double(p) / phases, w = x / (taps / 2);
                const double window =
                    std::abs(w) < 1 ? std::cyl_bessel_i(0, beta * std::sqrt(1 - w * w)) / std::cyl_bessel_i(0, beta) : 0;
                table[p * taps + k] = window * (x == 0 ? 1.0 : std::sin(pi * x) / (pi * x));
            }
    }

    //! The value a fraction of a sample after x[taps / 2 - 1].
    __attribute__((optimize("O2"))) Sample operator()(const Sample* x, double fraction) const
    {
        const double place = fraction * phases;
        const int phase = std::min(int(place), phases - 1);
        const double part = place - phase;
        const double *a = table.data() + phase * taps, *b = a + taps;
        const float* y = reinterpret_cast<const float*>(x);
        double real = 0, imaginary = 0;
        for (int k = 0; k < taps; ++k) {
            const double weight = a[k] + part * (b[k] - a[k]);
            real += weight * y[2 * k];
            imaginary += weight * y[2 * k + 1];
        }
        return { float(real), float(imaginary) };
    }

private:
    std::vector<double> table;
};

//! The air between a sender and a receiver, both of one device.
class Air
{
public:
    enum class Read { samples, overflow, nothing, lost };
    const Settings settings;
    double rate;

    explicit Air(const Settings& s) : settings(s), rate(s.rate)
    {
        if (!s.file.empty() && !(_file = std::fopen(s.file.c_str(), "rb")))
            throw std::runtime_error("loopback: no file " + s.file);
        if (!s.sent.empty() && !(_sent = std::fopen(s.sent.c_str(), "wb")))
            throw std::runtime_error("loopback: cannot write " + s.sent);
    }
    ~Air()
    {
        if (_file)
            std::fclose(_file);
        if (_sent)
            std::fclose(_sent);
    }

    //! Where the device's time is [samples].
    std::int64_t now() const
    {
        std::lock_guard<std::mutex> lock(_mutex);
        return std::max(_place, _receiving ? 0 : _sent_to);
    }

    void open_sender()
    {
        std::lock_guard<std::mutex> lock(_mutex);
        _sending = _seen_sender = true;
        _changed.notify_all();
    }
    void close_sender()
    {
        std::lock_guard<std::mutex> lock(_mutex);
        _sending = false;
        if (_sent)
            std::fflush(_sent);
        _changed.notify_all();
    }
    void start_receiver(std::int64_t place)
    {
        std::lock_guard<std::mutex> lock(_mutex);
        _receiving = true;
        _place = std::max(_place, place);
        _changed.notify_all();
    }
    void stop_receiver()
    {
        std::lock_guard<std::mutex> lock(_mutex);
        _receiving = false;
        _changed.notify_all();
    }

    //! Puts samples on the air from sample `start` on; false if there is no room for so long.
    bool send(const std::vector<const Sample*>& streams, std::size_t count, std::int64_t start, double timeout, bool& late)
    {
        std::unique_lock<std::mutex> lock(_mutex);
        const auto room = [&] { return !_receiving || start + std::int64_t(count) <= _place + window; };
        if (start >= settings.lost_at || !_changed.wait_for(lock, std::chrono::duration<double>(timeout), room))
            return false;
        late = start < std::max(_heard, settings.late_before);
        if (!late) {
            Burst burst{ start, {} };
            for (const Sample* stream : streams)
                burst.streams.emplace_back(stream, stream + count);
            if (_sent)
                save(burst, count);
            if (_receiving || settings.duplex)
                _bursts.push_back(std::move(burst));
        }
        _sent_to = std::max(_sent_to, start + std::int64_t(count));
        _changed.notify_all();
        return true;
    }

    //! Takes up to `count` samples; `place` is the first one's number, or the one after those that are lost.
    Read receive(const std::vector<Sample*>& streams, std::size_t& count, std::int64_t& place, double timeout)
    {
        std::unique_lock<std::mutex> lock(_mutex);
        if (_next_gap < settings.gaps.size() && settings.gaps[_next_gap].at < _place)
            ++_next_gap; // one from before the receiver started
        if (_next_gap < settings.gaps.size() && settings.gaps[_next_gap].at == _place) {
            place = _place += settings.gaps[_next_gap++].lost;
            return Read::overflow;
        }
        if (_place >= settings.lost_at)
            return Read::lost;
        auto end = std::min(_place + std::int64_t(count), settings.lost_at);
        if (_next_gap < settings.gaps.size())
            end = std::min(end, settings.gaps[_next_gap].at);
        const auto last = std::int64_t(std::ceil(on_air(end))) + Interpolator::taps;
        const auto known = [&] {
            return !_receiving || _file || (_seen_sender ? !_sending || last <= _sent_to : !settings.duplex);
        };
        if (!_receiving || !_changed.wait_for(lock, std::chrono::duration<double>(timeout), known) || !_receiving)
            return Read::nothing;
        place = _place;
        count = end - _place;
        for (std::size_t channel = 0; channel < streams.size(); ++channel)
            hear(channel, place, count, streams[channel]);
        _place = end;
        _heard = std::int64_t(std::floor(on_air(end))) - Interpolator::taps;
        while (!_bursts.empty() && _bursts.front().end() < _heard)
            _bursts.pop_front();
        _changed.notify_all();
        return Read::samples;
    }

private:
    struct Burst {
        std::int64_t start;
        std::vector<std::vector<Sample>> streams;
        std::int64_t end() const { return start + streams[0].size(); }
    };
    static constexpr std::int64_t window = 1 << 21; // how far ahead a sender may be

    mutable std::mutex _mutex;
    std::condition_variable _changed;
    std::deque<Burst> _bursts;
    std::FILE *_file = nullptr, *_sent = nullptr;
    bool _sending = false, _seen_sender = false, _receiving = false;
    std::int64_t _place = 0;   // the receiver's next sample
    std::int64_t _heard = std::numeric_limits<std::int64_t>::min(); // before it, nothing counts any more
    std::int64_t _sent_to = 0; // the sender's next sample
    std::size_t _next_gap = 0;
    const Interpolator _interpolator;

    //! Where on the sender's clock the receiver's sample lies.
    double on_air(std::int64_t place) const { return place / (1.0 + settings.clock_ppm * 1e-6) - settings.delay; }

    void hear(std::size_t channel, std::int64_t place, std::size_t count, Sample* out)
    {
        const double begin = on_air(place);
        const auto first = std::int64_t(std::floor(begin)) - (Interpolator::taps / 2 - 1);
        const auto last = std::int64_t(std::ceil(on_air(place + count))) + Interpolator::taps;
        std::vector<Sample> air(last - first);
        take(channel, first, air);
        const bool whole = settings.clock_ppm == 0 && begin == std::floor(begin);
        const double turn = 2 * std::acos(-1.0) * settings.carrier_offset / rate;
        for (std::size_t k = 0; k < count; ++k) {
            const double at = on_air(place + k) - first;
            const auto base = std::int64_t(at);
            const Sample* x = &air[base - (Interpolator::taps / 2 - 1)];
            out[k] = whole ? air[base] : _interpolator(x, at - base);
            if (turn != 0)
                out[k] *= Sample(std::polar(1.0, std::fmod(turn * double(place + k), 2 * std::acos(-1.0))));
        }
    }

    //! What is on the air from `first` on, silence where there is nothing.
    void take(std::size_t channel, std::int64_t first, std::vector<Sample>& air)
    {
        const auto last = first + std::int64_t(air.size());
        if (_file) {
            const auto begin = std::max<std::int64_t>(first, 0);
            std::vector<Sample> rows(std::max<std::int64_t>(last - begin, 0) * settings.channels);
            std::fseek(_file, begin * settings.channels * sizeof(Sample), SEEK_SET);
            const auto read = std::fread(rows.data(), settings.channels * sizeof(Sample), rows.size() / settings.channels, _file);
            for (std::size_t k = 0; k < read; ++k)
                air[begin - first + k] = rows[k * settings.channels + channel];
            return;
        }
        for (const Burst& burst : _bursts)
            for (auto n = std::max(first, burst.start); n < std::min(last, burst.end()); ++n)
                air[n - first] = burst.streams[channel][n - burst.start];
    }

    void save(const Burst& burst, std::size_t count)
    {
        std::vector<Sample> rows(count * settings.channels);
        for (std::size_t channel = 0; channel < burst.streams.size(); ++channel)
            for (std::size_t k = 0; k < count; ++k)
                rows[k * settings.channels + channel] = burst.streams[channel][k];
        std::fseek(_sent, burst.start * settings.channels * sizeof(Sample), SEEK_SET);
        std::fwrite(rows.data(), sizeof(Sample), rows.size(), _sent);
    }
};

} // namespace loopback
