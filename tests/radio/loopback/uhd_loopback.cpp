// SPDX-License-Identifier: GPL-3.0-or-later
// A UHD device without hardware: uhd:type=loopback, loaded by UHD_MODULE_PATH. It has time stamps.

#include "air.hpp"

#include <uhd/device.hpp>
#include <uhd/exception.hpp>
#include <uhd/property_tree.hpp>
#include <uhd/stream.hpp>
#include <uhd/types/ranges.hpp>
#include <uhd/types/sensors.hpp>
#include <uhd/usrp/subdev_spec.hpp>
#include <uhd/utils/static.hpp>

namespace uhd::rfnoc {
struct action_info;
}

using loopback::Air;
using loopback::Sample;

namespace {

class Receiver : public uhd::rx_streamer
{
public:
    Receiver(std::shared_ptr<Air> air, std::vector<std::size_t> channels) : _air(air), _channels(channels) {}
    ~Receiver() override { _air->stop_receiver(); }
    std::size_t get_num_channels() const override { return _channels.size(); }
    std::size_t get_max_num_samps() const override { return 2000; }

    std::size_t recv(const buffs_type& buffers, std::size_t count, uhd::rx_metadata_t& metadata, double timeout, bool) override
    {
        metadata.reset();
        std::vector<std::vector<Sample>> unused(_air->settings.channels);
        std::vector<Sample*> streams(_air->settings.channels);
        for (std::size_t channel = 0; channel < streams.size(); ++channel)
            if (std::find(_channels.begin(), _channels.end(), channel) == _channels.end()) {
                unused[channel].resize(count);
                streams[channel] = unused[channel].data();
            }
        for (std::size_t k = 0; k < _channels.size(); ++k)
            streams[_channels[k]] = static_cast<Sample*>(buffers[k]);
        std::int64_t place = 0;
        const auto what = _air->receive(streams, count, place, timeout);
        metadata.has_time_spec = true;
        metadata.time_spec = uhd::time_spec_t::from_ticks(place, _air->rate);
        if (what == Air::Read::lost && _air->settings.raise)
            throw uhd::io_error("usb rx6 transfer status: LIBUSB_TRANSFER_NO_DEVICE");
        if (what == Air::Read::samples)
            return count;
        metadata.error_code = what == Air::Read::overflow ? uhd::rx_metadata_t::ERROR_CODE_OVERFLOW
                                                           : uhd::rx_metadata_t::ERROR_CODE_TIMEOUT;
        return 0;
    }

    void issue_stream_cmd(const uhd::stream_cmd_t& command) override
    {
        if (command.stream_mode == uhd::stream_cmd_t::STREAM_MODE_STOP_CONTINUOUS)
            _air->stop_receiver();
        else
            _air->start_receiver(command.stream_now ? 0 : command.time_spec.to_ticks(_air->rate));
    }

    // Pure virtual from UHD 4.8 on; unknown before, hence no override.
    void post_input_action(const std::shared_ptr<uhd::rfnoc::action_info>&, std::size_t) {}

private:
    std::shared_ptr<Air> _air;
    std::vector<std::size_t> _channels;
};

class Sender : public uhd::tx_streamer
{
public:
    Sender(std::shared_ptr<Air> air, std::vector<std::size_t> channels) : _air(air), _channels(channels) { _air->open_sender(); }
    ~Sender() override { _air->close_sender(); }
    std::size_t get_num_channels() const override { return _channels.size(); }
    std::size_t get_max_num_samps() const override { return 2000; }

    std::size_t send(const buffs_type& buffers, std::size_t count, const uhd::tx_metadata_t& metadata, double timeout) override
    {
        if (count == 0) { // gr-uhd's sink begins with an empty burst, and ends with the end of one
            if (metadata.end_of_burst)
                _air->close_sender();
            return 0;
        }
        if (metadata.has_time_spec)
            _place = metadata.time_spec.to_ticks(_air->rate);
        std::vector<Sample> silence(count);
        std::vector<const Sample*> streams(_air->settings.channels, silence.data());
        for (std::size_t k = 0; k < _channels.size(); ++k)
            streams[_channels[k]] = static_cast<const Sample*>(buffers[k]);
        bool late = false;
        if (!_air->send(streams, count, _place, timeout, late))
            return 0;
        if (late && metadata.has_time_spec) {
            std::lock_guard<std::mutex> lock(_mutex);
            uhd::async_metadata_t message;
            message.channel = 0;
            message.has_time_spec = true;
            message.time_spec = uhd::time_spec_t::from_ticks(_place, _air->rate);
            message.event_code = uhd::async_metadata_t::EVENT_CODE_TIME_ERROR;
            _messages.push_back(message);
        }
        _place += count;
        return count;
    }

    bool recv_async_msg(uhd::async_metadata_t& message, double timeout) override
    {
        {
            std::lock_guard<std::mutex> lock(_mutex);
            if (!_messages.empty()) {
                message = _messages.front();
                _messages.pop_front();
                return true;
            }
        }
        // gr-uhd asks again and again: as long as a real device would take to have nothing to say
        std::unique_lock<std::mutex> lock(_mutex);
        _never.wait_for(lock, std::chrono::duration<double>(timeout));
        return false;
    }

    void post_output_action(const std::shared_ptr<uhd::rfnoc::action_info>&, std::size_t) {} // as the receiver's

private:
    std::shared_ptr<Air> _air;
    std::vector<std::size_t> _channels;
    std::int64_t _place = 0;
    std::mutex _mutex;
    std::condition_variable _never;
    std::deque<uhd::async_metadata_t> _messages;
};

class Device : public uhd::device
{
public:
    explicit Device(const uhd::device_addr_t& address)
        : _air(std::make_shared<Air>(loopback::Settings([&](std::string key, std::string value) { return address.get(key, value); })))
    {
        _type = USRP;
        _tree = uhd::property_tree::make();
        const uhd::fs_path board = "/mboards/0";
        const auto air = _air;
        set<std::string>("/name", "Loopback");
        set<std::string>(board / "name", "loopback");
        set<double>(board / "tick_rate", 61.44e6);
        _tree->create<uhd::time_spec_t>(board / "time" / "now").set_publisher([air] {
            return uhd::time_spec_t::from_ticks(air->now(), air->rate);
        });
        _tree->create<uhd::time_spec_t>(board / "time" / "pps").set_publisher([air] {
            return uhd::time_spec_t(std::floor(air->now() / air->rate));
        });
        for (const auto source : { "clock_source", "time_source" }) {
            set<std::string>(board / source / "value", "internal");
            set<std::vector<std::string>>(board / source / "options", { "internal", "external" });
        }
        const bool locked = address.get("unlocked", "0") == "0";
        set(board / "sensors" / "ref_locked", uhd::sensor_value_t("Ref", locked, "locked", "unlocked"));
        for (const std::string way : { "rx", "tx" }) {
            std::string specification;
            for (std::size_t channel = 0; channel < air->settings.channels; ++channel) {
                const auto number = std::to_string(channel);
                specification += (channel ? " A:" : "A:") + number;
                front_end(board / "dboards" / "A" / (way + "_frontends") / number, way);
                const auto dsp = board / (way + "_dsps") / number;
                _tree->create<double>(dsp / "rate" / "value")
                    .set_coercer([air](double rate) { return std::min(rate, air->settings.max_rate); })
                    .add_coerced_subscriber([air](double rate) { air->rate = rate; })
                    .set(air->rate);
                set(dsp / "rate" / "range", uhd::meta_range_t(1e3, air->settings.max_rate));
                set<double>(dsp / "freq" / "value", 0);
                set(dsp / "freq" / "range", uhd::meta_range_t(-30e6, 30e6));
            }
            _tree->create<std::string>(board / (way + "_codecs") / "A" / "gains");
            set(board / (way + "_subdev_spec"), uhd::usrp::subdev_spec_t(specification));
        }
    }

    uhd::rx_streamer::sptr get_rx_stream(const uhd::stream_args_t& args) override
    {
        return std::make_shared<Receiver>(_air, args.channels);
    }
    uhd::tx_streamer::sptr get_tx_stream(const uhd::stream_args_t& args) override
    {
        auto sender = std::make_shared<Sender>(_air, args.channels);
        _sender = sender;
        return sender;
    }
    bool recv_async_msg(uhd::async_metadata_t& message, double timeout) override
    {
        const auto sender = _sender.lock();
        return sender && sender->recv_async_msg(message, timeout);
    }

private:
    std::shared_ptr<Air> _air;
    std::weak_ptr<Sender> _sender;

    template <typename T>
    void set(const uhd::fs_path& path, const T& value)
    {
        _tree->create<T>(path).set(value);
    }

    void front_end(const uhd::fs_path& root, const std::string& way)
    {
        set<std::string>(root / "name", "loopback");
        set<std::string>(root / "connection", "IQ");
        set<std::string>(root / "antenna" / "value", "TX/RX");
        set<std::vector<std::string>>(root / "antenna" / "options", way == "rx" ? std::vector<std::string>{ "TX/RX", "RX2" } : std::vector<std::string>{ "TX/RX" });
        set<double>(root / "gains" / "all" / "value", 0);
        set(root / "gains" / "all" / "range", uhd::meta_range_t(0.0, 76.0, 1.0));
        set<double>(root / "freq" / "value", 1e9);
        set(root / "freq" / "range", uhd::meta_range_t(70e6, 6e9));
        set<double>(root / "bandwidth" / "value", 56e6);
        set(root / "bandwidth" / "range", uhd::meta_range_t(200e3, 56e6));
        _tree->create<std::string>(root / "sensors");
    }
};

uhd::device_addrs_t find(const uhd::device_addr_t& hint)
{
    if (hint.get("type", "") != "loopback")
        return {};
    return { hint };
}

uhd::device::sptr make(const uhd::device_addr_t& address) { return std::make_shared<Device>(address); }

} // namespace

UHD_STATIC_BLOCK(register_loopback) { uhd::device::register_device(&find, &make, uhd::device::USRP); }
