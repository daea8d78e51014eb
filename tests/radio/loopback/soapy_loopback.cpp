// SPDX-License-Identifier: GPL-3.0-or-later
// A SoapySDR device without hardware: soapy:driver=loopback, loaded by SOAPY_SDR_PLUGIN_PATH.
// It has no clock that anyone could ask for the time.

#include "air.hpp"

#include <SoapySDR/Constants.h>
#include <SoapySDR/Device.hpp>
#include <SoapySDR/Errors.h>
#include <SoapySDR/Formats.h>
#include <SoapySDR/Registry.hpp>

using loopback::Air;
using loopback::Sample;

namespace {

struct Stream {
    int direction;
    std::vector<std::size_t> channels;
};

class Device : public SoapySDR::Device
{
public:
    explicit Device(const SoapySDR::Kwargs& args)
        : _air(loopback::Settings([&](std::string key, std::string value) {
              const auto found = args.find(key);
              return found == args.end() ? value : found->second;
          })),
          _rate(_air.rate)
    {
    }

    std::string getDriverKey() const override { return "loopback"; }
    std::string getHardwareKey() const override { return "loopback"; }
    std::size_t getNumChannels(int) const override { return _air.settings.channels; }
    bool getFullDuplex(int, std::size_t) const override { return true; }

    std::vector<std::string> listAntennas(int direction, std::size_t) const override
    {
        return direction == SOAPY_SDR_RX ? std::vector<std::string>{ "LNAH", "LNAL" } : std::vector<std::string>{ "BAND1" };
    }
    void setAntenna(int, std::size_t, const std::string& name) override { _antenna = name; }
    std::string getAntenna(int direction, std::size_t channel) const override
    {
        return _antenna.empty() ? listAntennas(direction, channel)[0] : _antenna;
    }
    std::vector<std::string> listGains(int, std::size_t) const override { return { "ALL" }; }
    SoapySDR::Range getGainRange(int, std::size_t) const override { return { 0, 60 }; }
    SoapySDR::Range getGainRange(int, std::size_t, const std::string&) const override { return { 0, 60 }; }
    void setGain(int, std::size_t, double gain) override { _gain = gain; }
    void setGain(int, std::size_t, const std::string&, double gain) override { _gain = gain; }
    double getGain(int, std::size_t, const std::string&) const override { return _gain; }
    double getGain(int, std::size_t) const override { return _gain; }

    std::vector<std::string> listFrequencies(int, std::size_t) const override { return { "RF", "BB" }; }
    void setFrequency(int, std::size_t, double frequency, const SoapySDR::Kwargs& args) override
    {
        const auto offset = args.find("OFFSET");
        _frequency = frequency;
        _offset = offset == args.end() ? 0.0 : std::stod(offset->second);
    }
    void setFrequency(int, std::size_t, const std::string& name, double frequency, const SoapySDR::Kwargs&) override
    {
        (name == "RF" ? _frequency : _offset) = frequency;
    }
    double getFrequency(int, std::size_t) const override { return _frequency; }
    double getFrequency(int, std::size_t, const std::string& name) const override { return name == "RF" ? _frequency : _offset; }
    SoapySDR::RangeList getFrequencyRange(int, std::size_t) const override { return { { 30e6, 100e9 } }; }
    SoapySDR::RangeList getFrequencyRange(int, std::size_t, const std::string& name) const override
    {
        return name == "RF" ? SoapySDR::RangeList{ { 30e6, 100e9 } } : SoapySDR::RangeList{ { -30e6, 30e6 } };
    }

    void setSampleRate(int, std::size_t, double rate) override { _air.rate = _rate = rate; }
    double getSampleRate(int, std::size_t) const override { return _rate; }
    SoapySDR::RangeList getSampleRateRange(int, std::size_t) const override { return { { 1e3, _air.settings.max_rate } }; }
    std::vector<std::string> listClockSources() const override { return { "internal", "external" }; }
    void setClockSource(const std::string& source) override { _clock = source; }
    std::string getClockSource() const override { return _clock; }

    std::vector<std::string> getStreamFormats(int, std::size_t) const override { return { SOAPY_SDR_CF32 }; }
    SoapySDR::Stream* setupStream(int direction, const std::string&, const std::vector<std::size_t>& channels, const SoapySDR::Kwargs&) override
    {
        return reinterpret_cast<SoapySDR::Stream*>(new Stream{ direction, channels });
    }
    void closeStream(SoapySDR::Stream* stream) override { delete of(stream); }
    std::size_t getStreamMTU(SoapySDR::Stream*) const override { return 8192; }

    int activateStream(SoapySDR::Stream* stream, int, long long, std::size_t) override
    {
        of(stream)->direction == SOAPY_SDR_RX ? _air.start_receiver(0) : _air.open_sender();
        return 0;
    }
    int deactivateStream(SoapySDR::Stream* stream, int, long long) override
    {
        of(stream)->direction == SOAPY_SDR_RX ? _air.stop_receiver() : _air.close_sender();
        return 0;
    }

    int readStream(SoapySDR::Stream* stream, void* const* buffers, std::size_t count, int& flags, long long&, long timeout) override
    {
        flags = 0;
        std::vector<std::vector<Sample>> unused(_air.settings.channels, std::vector<Sample>(count));
        std::vector<Sample*> streams;
        for (auto& channel : unused)
            streams.push_back(channel.data());
        const auto& channels = of(stream)->channels;
        for (std::size_t k = 0; k < channels.size(); ++k)
            streams[channels[k]] = static_cast<Sample*>(buffers[k]);
        std::int64_t place;
        switch (_air.receive(streams, count, place, timeout * 1e-6)) {
        case Air::Read::samples:
            return int(count);
        case Air::Read::overflow:
            return SOAPY_SDR_OVERFLOW;
        case Air::Read::lost:
            return _air.settings.raise ? SOAPY_SDR_STREAM_ERROR : SOAPY_SDR_TIMEOUT;
        default:
            return SOAPY_SDR_TIMEOUT;
        }
    }

    int writeStream(SoapySDR::Stream* stream, const void* const* buffers, std::size_t count, int&, long long, long timeout) override
    {
        const std::vector<Sample> silence(count);
        std::vector<const Sample*> streams(_air.settings.channels, silence.data());
        const auto& channels = of(stream)->channels;
        for (std::size_t k = 0; k < channels.size(); ++k)
            streams[channels[k]] = static_cast<const Sample*>(buffers[k]);
        bool late = false;
        if (!_air.send(streams, count, _place, timeout * 1e-6, late))
            return _air.settings.raise ? SOAPY_SDR_STREAM_ERROR : SOAPY_SDR_TIMEOUT;
        _place += count;
        return int(count);
    }

private:
    Air _air;
    double _rate, _frequency = 1e9, _offset = 0, _gain = 0;
    std::string _antenna, _clock = "internal";
    std::int64_t _place = 0;

    static Stream* of(SoapySDR::Stream* stream) { return reinterpret_cast<Stream*>(stream); }
};

SoapySDR::KwargsList find(const SoapySDR::Kwargs& args)
{
    const auto driver = args.find("driver");
    if (driver == args.end() || driver->second != "loopback")
        return {};
    return { args };
}

SoapySDR::Device* make(const SoapySDR::Kwargs& args) { return new Device(args); }

const SoapySDR::Registry registered("loopback", &find, &make, SOAPY_SDR_ABI_VERSION);

} // namespace
