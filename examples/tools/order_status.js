// How far an order is: AVR's own form, as it runs in avr-sts-openai too.
//
// axios is there in the container and wherever NODE_PATH leads to it; Node.js itself
// will do as well.
const ORDERS_URL = process.env.ORDERS_URL || 'http://127.0.0.1:8099';

const getJson = async (url) => {
  try {
    const axios = require('axios');
    return (await axios.get(url)).data;
  } catch (error) {
    if (error.code !== 'MODULE_NOT_FOUND') throw error;
  }
  const answer = await fetch(url);
  if (!answer.ok) throw new Error(`the shop answered with status ${answer.status}`);
  return answer.json();
};

module.exports = {
  name: 'order_status',
  description: 'Tells how far an order is.',
  input_schema: {
    type: 'object',
    properties: {
      order: { type: 'integer', description: 'The number on the receipt.' },
    },
    required: ['order'],
  },
  handler: async (uuid, { order }) => {
    try {
      const { state, days } = await getJson(`${ORDERS_URL}/orders/${order}`);
      return days ? `${state}, it arrives in ${days} days` : state;
    } catch (error) {
      console.error(`call ${uuid}:`, error.message);
      return 'Error: the shop cannot be asked at the moment.';
    }
  },
};
