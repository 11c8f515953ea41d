"""The chips, one file each.

| file           | chip                                           | device    |
|----------------|------------------------------------------------|-----------|
| hx711.py       | Avia HX711, 24-bit converter for load cells    | scale     |
| nau7802.py     | Nuvoton NAU7802, the same on I2C               | scale     |
| ad5933.py      | Analog Devices AD5933, impedance at 50 kHz     | scale     |
| ssd1306.py     | Solomon Systech SSD1306, display of 128 by 64  | scale     |
| mprls.py       | Honeywell MPRLS0300YG, pressure 0-300 mmHg     | cuff      |
| sht4x.py       | Sensirion SHT40, temperature and humidity      | babyphone |
| ics43434.py    | TDK ICS-43434, I2S microphone                  | babyphone |
| max98357a.py   | Maxim MAX98357A, amplifier fed over I2S        | babyphone |

A driver ends where its chip ends: zero, calibration, filters and averages belong to the device's folder.
"""
