// In the form of AVR's own: the deployment's packages, a sentence for any failure.
require('dotenv').config();
const axios = require('axios');

module.exports = {
  name: 'avr_hangup',
  description: 'Ends the call when the caller says goodbye.',
  input_schema: { type: 'object', properties: {}, required: [] },
  handler: async (uuid) => {
    const url = process.env.AMI_URL || 'http://127.0.0.1:6006';
    try {
      const res = await axios.post(`${url}/hangup`, { uuid });
      console.log('hangup:', res.data);
      return res.data.message;
    } catch (error) {
      console.error('hangup:', error.message);
      return `Error during the hangup: ${error.message}`;
    }
  },
};
